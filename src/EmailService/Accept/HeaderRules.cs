using System.Buffers;
using System.Text.Json;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>Header fields that a caller adds. A name or value that could end a line would let whoever controls it
/// write header fields of their own (header injection). Some the service writes, some it takes into its own
/// (<see cref="GivenHeaders"/>), and some would forge another's identity or break the message.</summary>
internal static class HeaderRules
{
    private const int MostHeaders = 100;
    private const int MostCharactersOfValue = 8000;

    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c != '\t').Select(c => (char)c), '\u007F', '\u0085', '\u2028', '\u2029']);

    /// <summary>Whether the text has a character that no header field can hold. A tab is white space.</summary>
    public static bool HasControl(ReadOnlySpan<char> text) => text.IndexOfAny(Controls) >= 0;

    /// <summary>The object <c>headers</c>. The place is that object's.</summary>
    public static GivenHeaders Read(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems))
        {
            return GivenHeaders.None;
        }

        var given = GivenHeaders.None;
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

        return headers is null ? given : given.Take(headers, problems);
    }

    private static (string Name, string Value)? ReadOne(JsonProperty property, Problems problems)
    {
        if (!Json.TryUnescapeName(property, out var name)
            || !MimeHeader.IsValidName(name))
        {
            problems.Add(Texts.HeaderName, null, $"Found {Problems.Show(name)}; a header's name has 1 to {MimeHeader.MaxNameLength} printable ASCII characters, no space and no colon.");
            return null;
        }

        if (ReservedHeaders.WhyReserved(name) is { } why)
        {
            problems.Add(Texts.HeaderReserved, name, why);
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

        if (GivenHeaders.LeavesOut(name))
        {
            return (name, text);
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

        if (MimeHeader.WhatIsWrong(name, text) is { } problem)
        {
            problems.Add(problem, name);
            return null;
        }

        return (name, text);
    }
}
