using System.Buffers;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>Header fields that a caller adds. A name or value that could end a line would let whoever controls it
/// write header fields of their own (header injection).</summary>
internal static class HeaderRules
{
    private const int MostHeaders = 100;
    private const int MostCharactersOfValue = 8000;

    /// <summary>Reserved besides what the composer writes (<see cref="MimeHeader.IsReserved"/>): SendGrid's own, and what
    /// mail hosts on the way write and believe.</summary>
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "x-sg-id", "x-sg-eid", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "Authentication-Results",
    };

    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c != '\t').Select(c => (char)c), '\u007F', '\u0085', '\u2028', '\u2029']);

    /// <summary>Whether the text has a character that no header field can hold. A tab is white space.</summary>
    public static bool HasControl(ReadOnlySpan<char> text) => text.IndexOfAny(Controls) >= 0;

    /// <summary>The object <c>headers</c>. The place is that object's.</summary>
    public static IReadOnlyDictionary<string, string> Read(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems))
        {
            return NoHeaders;
        }

        Dictionary<string, string>? headers = null;
        foreach (var property in value.EnumerateObject())
        {
            if (ReadOne(property, problems) is not { } header)
            {
                continue;
            }

            headers ??= new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            if (!headers.TryAdd(header.Name, header.Value))
            {
                problems.Add(Texts.GivenTwice, header.Name);
            }
            else if (headers.Count > MostHeaders)
            {
                problems.Add($"There are more than {MostHeaders} headers; leave some out.");
                break;
            }
        }

        return headers ?? NoHeaders;
    }

    private static (string Name, string Value)? ReadOne(JsonProperty property, Problems problems)
    {
        if (!Json.TryUnescapeName(property, out var name)
            || !MimeHeader.IsValidName(name))
        {
            problems.Add(Texts.HeaderName, null, $"Found {Problems.Show(name)}; a header's name has 1 to {MimeHeader.MaxNameLength} printable ASCII characters, no space and no colon.");
            return null;
        }

        if (Reserved.Contains(name) || MimeHeader.IsReserved(name))
        {
            problems.Add(Texts.HeaderReserved, name, "This header is written by the service, from the request's own fields where there is one. Leave it out.");
            return null;
        }

        if (property.Value.ValueKind != JsonValueKind.String)
        {
            problems.Add(Texts.HeaderValueType, name, $"Found {Json.TypeName(property.Value)}.");
            return null;
        }

        if (!Json.TryGetText(property.Value, problems, name, out var text))
        {
            return null;
        }

        if (HasControl(text))
        {
            problems.Add(Texts.LineBreak, name);
            return null;
        }

        if (text.Length > MostCharactersOfValue)
        {
            problems.Add($"The value has {text.Length} characters; {MostCharactersOfValue} is the most.", name);
            return null;
        }

        return (name, text);
    }

    private static readonly IReadOnlyDictionary<string, string> NoHeaders = MessageContent.EmptyHeaders;
}
