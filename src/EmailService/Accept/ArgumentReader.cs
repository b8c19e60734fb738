using System.Text;
using System.Text.Json;
using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>Objects whose names the caller chooses: custom_args and substitutions.</summary>
internal static class ArgumentReader
{
    /// <summary>Of names and values together, in UTF-8; SendGrid's limit.</summary>
    public const int MostBytes = 10_000;

    private const int MostEntries = 10_000;

    private static readonly IReadOnlyDictionary<string, string> Empty = MessageContent.EmptyHeaders;

    /// <summary>Reads the field and adds what is wrong with it. Numbers and booleans are taken as they are written.</summary>
    public static IReadOnlyDictionary<string, string> Read(JsonElement value, string field, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems, field))
        {
            return Empty;
        }

        Dictionary<string, string>? entries = null;
        problems.Enter(field);
        foreach (var property in value.EnumerateObject())
        {
            if (!Json.TryUnescapeName(property, out var name) || name.Length == 0)
            {
                problems.Add("A name in this object is empty, or has a NUL or half of a surrogate pair.");
                continue;
            }

            if (!Json.TryGetTextOfScalar(property.Value, problems, name, out var text))
            {
                continue;
            }

            entries ??= new Dictionary<string, string>(StringComparer.Ordinal);
            if (!entries.TryAdd(name, text))
            {
                problems.Add(Texts.GivenTwice, name);
            }
            else if (entries.Count > MostEntries)
            {
                problems.Add($"There are more than {MostEntries} entries.");
                break;
            }
        }

        problems.Leave();
        return entries ?? Empty;
    }

    /// <summary>The first with the second laid over it.</summary>
    public static IReadOnlyDictionary<string, string> Merge(
        IReadOnlyDictionary<string, string> request, IReadOnlyDictionary<string, string> own)
    {
        if (own.Count == 0)
        {
            return request;
        }

        if (request.Count == 0)
        {
            return own;
        }

        var merged = new Dictionary<string, string>(request);
        foreach (var (name, value) in own)
        {
            merged[name] = value;
        }

        return merged;
    }

    public static bool IsTooBig(IReadOnlyDictionary<string, string> entries)
    {
        var bytes = 0L;
        foreach (var (name, value) in entries)
        {
            bytes += Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(value);
        }

        return bytes > MostBytes;
    }
}
