using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace EmailService.Accept;

/// <summary>Values of a request out of parsed JSON, or a problem that says what was found and what was expected.</summary>
internal static class Json
{
    /// <summary>SDKs write null for what was not set.</summary>
    public static bool IsAbsent(JsonElement value) => value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    /// <summary>The name of a property as UTF-8, unescaped.</summary>
    public static ReadOnlySpan<byte> Name(JsonProperty property)
    {
        var raw = JsonMarshal.GetRawUtf8PropertyName(property);
        if (!raw.Contains((byte)'\\'))
        {
            return raw;
        }

        return TryUnescapeName(property, out var name) ? Encoding.UTF8.GetBytes(name) : raw;
    }

    /// <summary>The name of a property whose names the caller chooses. False when it is not text.</summary>
    public static bool TryUnescapeName(JsonProperty property, out string name)
    {
        try
        {
            name = property.Name;
            return !name.Contains('\0');
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, as \ud800.
            name = "";
            return false;
        }
    }

    public static bool IsObject(JsonElement value, Problems problems, string? field = null) =>
        Is(JsonValueKind.Object, value, problems, field);

    public static bool IsArray(JsonElement value, Problems problems, string? field = null) =>
        Is(JsonValueKind.Array, value, problems, field);

    /// <summary>Text that PostgreSQL and a mail can carry.</summary>
    public static bool TryGetText(JsonElement value, Problems problems, string? field, out string text)
    {
        text = "";
        if (!Is(JsonValueKind.String, value, problems, field))
        {
            return false;
        }

        // JSON has no raw control characters and the body is known to be UTF-8, so only an escape can bring
        // in a NUL or half of a surrogate pair.
        if (!JsonMarshal.GetRawUtf8Value(value).Contains("\\u"u8))
        {
            text = value.GetString()!;
            return true;
        }

        try
        {
            text = value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            problems.Add(Texts.HalfCharacter, field, Texts.HalfCharacterHelp);
            return false;
        }

        if (text.Contains('\0'))
        {
            problems.Add(Texts.Nul, field);
            return false;
        }

        return true;
    }

    /// <summary>Text, or a number or true or false as it is written: node and python leave them so in custom_args.</summary>
    public static bool TryGetTextOfScalar(JsonElement value, Problems problems, string? field, out string text)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False:
                text = value.GetRawText();
                return true;
            default:
                return TryGetText(value, problems, field, out text);
        }
    }

    public static string TypeName(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => value.TryGetInt64(out _) ? "integer" : "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Null or JsonValueKind.Undefined => "null",
        _ => "unknown",
    };

    public static void AddWrongType(string expected, JsonElement value, Problems problems, string? field = null) =>
        problems.Add($"Invalid type. Expected: {expected}, given: {TypeName(value)}.", field);

    private static bool Is(JsonValueKind kind, JsonElement value, Problems problems, string? field)
    {
        if (value.ValueKind == kind)
        {
            return true;
        }

        AddWrongType(kind switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            _ => "string",
        }, value, problems, field);
        return false;
    }

    private static bool Contains(this ReadOnlySpan<byte> text, ReadOnlySpan<byte> part) => text.IndexOf(part) >= 0;
}
