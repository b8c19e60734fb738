using System.Collections;
using System.Reflection;

namespace EmailService.Platform;

/// <summary>Reads our section of the configuration into one record per slice. Gathers every problem of every slice
/// (unknown key, unreadable value, broken rule) and reports them together: <see cref="ThrowIfInvalid"/>.</summary>
/// <remarks>Supports scalars (<see cref="OptionValue"/>), lists of scalars or records (a list of scalars may be written as
/// one text with commas), dictionaries with text keys, and nested records. Properties need a setter or <c>init</c>.</remarks>
public sealed class OptionsBinder(IConfiguration configuration)
{
    public const string Root = "EmailService";

    private readonly List<string> problems = [];
    private readonly HashSet<string> rootKeys = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Binds <c>EmailService:{section}</c>, or <c>EmailService</c> itself for the empty name.</summary>
    public T Bind<T>(string section)
        where T : class, new()
    {
        var isRoot = section.Length == 0;
        var from = isRoot ? configuration.GetSection(Root) : configuration.GetSection($"{Root}:{section}");
        if (isRoot)
        {
            rootKeys.UnionWith(Properties(typeof(T)).Select(property => property.Name));
        }
        else
        {
            rootKeys.Add(section);
        }

        var options = new T();
        Fill(options, from, isRoot);
        if (options is ICheckedOptions rules)
        {
            problems.AddRange(rules.Check().Select(rule => $"{from.Path}:{rule.Key}: {rule.Problem}"));
        }

        return options;
    }

    /// <summary>Call once every slice has bound its section.</summary>
    /// <exception cref="OperatorException">Something is wrong; the message lists all of it.</exception>
    public void ThrowIfInvalid()
    {
        var all = problems
            .Concat(configuration.GetSection(Root).GetChildren()
                .Where(child => !rootKeys.Contains(child.Key))
                .Select(child => Unknown(child, rootKeys)))
            .Distinct()
            .ToList();
        if (all.Count > 0)
        {
            throw new OperatorException($"The configuration has {all.Count} problem{(all.Count == 1 ? "" : "s")}:\n  "
                + string.Join("\n  ", all)) { Exit = ExitCode.Configuration };
        }
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    private static string Unknown(IConfigurationSection found, IEnumerable<string> known)
    {
        var near = known.Select(name => (Name: name, Distance: Spelling.Distance(name, found.Key)))
            .OrderBy(candidate => candidate.Distance)
            .FirstOrDefault();
        var hint = near.Name is not null && near.Distance <= Math.Max(2, found.Key.Length / 4)
            ? $"did you mean {near.Name}?"
            : $"known here: {string.Join(", ", known.Order(StringComparer.Ordinal))}";
        return $"{found.Path}: unknown key; {hint}";
    }

    private void Fill(object options, IConfigurationSection from, bool isRoot)
    {
        var properties = Properties(options.GetType()).ToDictionary(property => property.Name, StringComparer.OrdinalIgnoreCase);
        foreach (var child in from.GetChildren())
        {
            if (!properties.TryGetValue(child.Key, out var property))
            {
                if (!isRoot)
                {
                    problems.Add(Unknown(child, properties.Keys));
                }
            }
            else if (TryRead(child, property.PropertyType, property.GetValue(options), out var value))
            {
                property.SetValue(options, value);
            }
        }
    }

    private bool TryRead(IConfigurationSection from, Type type, object? current, out object? value)
    {
        value = null;
        if (OptionValue.IsScalar(type))
        {
            return TryReadScalar(from.Path, from.Value, from.GetChildren().Any(), type, out value);
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() is var open
            && (open == typeof(IReadOnlyDictionary<,>) || open == typeof(Dictionary<,>)))
        {
            return TryReadDictionary(from, type.GetGenericArguments()[1], out value);
        }

        if (ElementType(type) is { } element)
        {
            var complete = TryReadList(from, element, out var items);
            value = type.IsArray ? ToArray(items, element) : items;
            return complete;
        }

        value = current ?? Activator.CreateInstance(type)!;
        Fill(value, from, isRoot: false);
        return true;
    }

    private static Type? ElementType(Type type) =>
        type.IsArray ? type.GetElementType()
        : type.IsGenericType && type.IsAssignableFrom(typeof(List<>).MakeGenericType(type.GetGenericArguments()[0])) ? type.GetGenericArguments()[0]
        : null;

    private bool TryReadScalar(string path, string? text, bool isSection, Type type, out object? value)
    {
        if (isSection || text is null)
        {
            value = null;
            // JSON's null reads as "not given".
            if (isSection)
            {
                problems.Add($"{path}: found a section, expected one value");
            }

            return false;
        }

        if (OptionValue.TryRead(text, type, out value, out var expected))
        {
            return true;
        }

        problems.Add($"{path}: found \"{text}\", expected {expected}");
        return false;
    }

    private static Array ToArray(IList items, Type element)
    {
        var array = Array.CreateInstance(element, items.Count);
        items.CopyTo(array, 0);
        return array;
    }

    private bool TryReadList(IConfigurationSection from, Type element, out IList items)
    {
        items = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element))!;
        var complete = true;
        if (from.Value is { } text)
        {
            foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                complete &= TryReadScalar(from.Path, part, false, element, out var item) && items.Add(item) >= 0;
            }
        }
        else
        {
            foreach (var child in from.GetChildren().OrderBy(child => int.TryParse(child.Key, out var index) ? index : int.MaxValue))
            {
                complete &= TryRead(child, element, null, out var item) && items.Add(item) >= 0;
            }
        }

        return complete;
    }

    private bool TryReadDictionary(IConfigurationSection from, Type element, out object? value)
    {
        var type = typeof(Dictionary<,>).MakeGenericType(typeof(string), element);
        var items = (IDictionary)Activator.CreateInstance(type, StringComparer.OrdinalIgnoreCase)!;
        value = items;
        var complete = true;
        foreach (var child in from.GetChildren())
        {
            if (TryRead(child, element, null, out var item))
            {
                items[child.Key] = item;
            }
            else
            {
                complete = false;
            }
        }

        return complete;
    }
}
