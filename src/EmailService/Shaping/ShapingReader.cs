using System.Text.Json;
using EmailService.Platform;
using EmailService.Smtp.Client;

namespace EmailService.Shaping;

/// <summary>Reads a shaping file: JSON with comments. Gathers every problem, each with its path, instead of stopping at the first.</summary>
public sealed class ShapingReader
{
    public const int Version = 1;

    private const int MaxNameLength = 253;
    private static readonly string[] RootKeys = ["version", "revision", "default", "blocks", "domains", "accounts"];
    private static readonly string[] LimitKeys = ["connections", "messages_per_connection", "messages_per_second", "idle_timeout", "without"];
    private static readonly JsonDocumentOptions Form = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        MaxDepth = 8,
    };

    private readonly string source;
    private readonly List<string> problems = [];

    private ShapingReader(string source) => this.source = source;

    /// <param name="json">The file.</param>
    /// <param name="source">How the file is called where limits name their origin.</param>
    /// <param name="problems">One line for each; empty if all is well.</param>
    public static ShapingDocument Read(ReadOnlyMemory<byte> json, string source, out IReadOnlyList<string> problems)
    {
        var reader = new ShapingReader(source);
        problems = reader.problems;
        try
        {
            using var document = JsonDocument.Parse(json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json, Form);
            return reader.Root(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The latter for text that is no UTF-8, which is found only where it is read.
            reader.problems.Add($"{source} is no JSON: {e.Message}");
            return new ShapingDocument();
        }
    }

    private ShapingDocument Root(JsonElement root)
    {
        if (!IsObject(root, "the file"))
        {
            return new ShapingDocument();
        }

        Refuse(root, "", RootKeys);
        if (!root.TryGetProperty("version", out var version) || version.ValueKind != JsonValueKind.Number || !version.TryGetInt32(out var number) || number != Version)
        {
            Add("version", $"expected {Version}, the form that this program reads");
        }

        return new ShapingDocument
        {
            Revision = root.TryGetProperty("revision", out var revision) && revision.ValueKind == JsonValueKind.String ? revision.GetString() : null,
            Default = root.TryGetProperty("default", out var all) ? Block(all, "default", isProvider: false) : new ShapingBlock(),
            Blocks = Named(root, "blocks", IsBlockName, "a name of up to 50 letters, digits, _ and -"),
            Domains = Named(root, "domains", IsHostName, "a domain such as example.com"),
            Accounts = Named(root, "accounts", IsAccountName, "the name of an account"),
        };
    }

    private Dictionary<string, ShapingBlock> Named(JsonElement root, string section, Func<string, bool> isName, string expected)
    {
        var found = new Dictionary<string, ShapingBlock>(StringComparer.OrdinalIgnoreCase);
        if (!root.TryGetProperty(section, out var blocks) || !IsObject(blocks, section))
        {
            return found;
        }

        foreach (var block in blocks.EnumerateObject())
        {
            var path = $"{section}.{block.Name}";
            if (!isName(block.Name))
            {
                Add(path, $"expected {expected}");
            }

            found[block.Name.ToLowerInvariant()] = Block(block.Value, path, isProvider: section == "blocks");
        }

        return found;
    }

    private ShapingBlock Block(JsonElement block, string path, bool isProvider)
    {
        if (!IsObject(block, path))
        {
            return new ShapingBlock();
        }

        Refuse(block, path + ".", isProvider ? [.. LimitKeys, "mx"] : LimitKeys);
        return new ShapingBlock
        {
            Mx = isProvider && block.TryGetProperty("mx", out var mx) ? Suffixes(mx, path + ".mx") : null,
            Connections = Number(block, path, "connections", "a whole number from 1 to 10000", n => n is >= 1 and <= 10_000 && n == Math.Floor(n)) is { } c
                ? new((int)c.Value, c.Origin) : null,
            MessagesPerConnection = Number(
                block, path, "messages_per_connection", "a whole number from 1 to 1000000", n => n is >= 1 and <= 1_000_000 && n == Math.Floor(n)) is { } m
                ? new((int)m.Value, m.Origin) : null,
            MessagesPerSecond = Number(block, path, "messages_per_second", "0 (no limit) or a number from 0.01 to 100000", n => n is 0 or (>= 0.01 and <= 100_000)),
            IdleTimeout = Time(block, path),
            Without = Extensions(block, path),
        };
    }

    private Limit<double>? Number(JsonElement block, string path, string key, string expected, Func<double, bool> isGood)
    {
        if (!block.TryGetProperty(key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && isGood(number))
        {
            return new(number, Origin(path));
        }

        Add($"{path}.{key}", $"found {Short(value)}, expected {expected}");
        return null;
    }

    private Limit<TimeSpan>? Time(JsonElement block, string path)
    {
        if (!block.TryGetProperty("idle_timeout", out var value))
        {
            return null;
        }

        // RFC 5321 §4.5.3.2.7: a server waits 5 minutes for the next command; keeping a connection longer only finds it closed.
        if (value.ValueKind == JsonValueKind.String && OptionValue.TryRead(value.GetString()!, typeof(TimeSpan), out var time, out _)
            && (TimeSpan)time! >= TimeSpan.FromMilliseconds(50) && (TimeSpan)time <= TimeSpan.FromMinutes(5))
        {
            return new((TimeSpan)time, Origin(path));
        }

        Add($"{path}.idle_timeout", $"found {Short(value)}, expected a duration from \"50ms\" to \"5m\"");
        return null;
    }

    private Limit<SmtpExtensions>? Extensions(JsonElement block, string path)
    {
        if (!block.TryGetProperty("without", out var value))
        {
            return null;
        }

        var all = SmtpExtensions.None;
        foreach (var word in value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : default)
        {
            if (word.ValueKind != JsonValueKind.String || !ExtensionWords.TryParse(word.GetString()!, out var one))
            {
                Add($"{path}.without", $"found {Short(word)}, expected one of {string.Join(", ", ExtensionWords.Known)}");
                return null;
            }

            all |= one;
        }

        if (value.ValueKind == JsonValueKind.Array)
        {
            return new(all, Origin(path));
        }

        Add($"{path}.without", $"found {Short(value)}, expected a list such as [\"CHUNKING\"]; known: {string.Join(", ", ExtensionWords.Known)}");
        return null;
    }

    private string[] Suffixes(JsonElement mx, string path)
    {
        string[] names = mx.ValueKind == JsonValueKind.Array
            ? [.. mx.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? e.GetString()!.ToLowerInvariant() : "")]
            : [];
        if (names.Length == 0 || !names.All(IsHostName))
        {
            Add(path, $"found {Short(mx)}, expected a list of suffixes such as [\"l.google.com\"], without a dot in front");
        }

        return names;
    }

    private static bool IsBlockName(string name) =>
        name.Length is > 0 and <= 50 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static bool IsAccountName(string name) => ShownName.Problem(name, MaxNameLength) is null;

    private static bool IsHostName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name.Split('.').All(label => label.Length is > 0 and <= 63 && label.All(c => char.IsLetterOrDigit(c) || c is '-' or '_'));

    private string Origin(string path) => $"{path} ({source})";

    private bool IsObject(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            return true;
        }

        Add(path, $"found {Short(element)}, expected an object");
        return false;
    }

    private void Refuse(JsonElement element, string prefix, string[] known)
    {
        foreach (var property in element.EnumerateObject().Where(p => !known.Contains(p.Name)))
        {
            var near = known.OrderBy(name => Spelling.Distance(name, property.Name)).First();
            Add(prefix + property.Name, Spelling.Distance(near, property.Name) <= Math.Max(2, property.Name.Length / 4)
                ? $"unknown key; did you mean {near}?"
                : $"unknown key; known here: {string.Join(", ", known)}");
        }
    }

    private static string Short(JsonElement element) => element.GetRawText() is { Length: > 60 } text ? text[..60] + "…" : element.GetRawText();

    private void Add(string path, string problem) => problems.Add($"{source}: {path}: {problem}");
}
