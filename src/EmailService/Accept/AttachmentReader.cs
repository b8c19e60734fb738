using System.Buffers;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>The files of a request.</summary>
internal static class AttachmentReader
{
    private const int MostAttachments = 500;
    private const int MostCharactersOfName = 255;

    private static readonly FieldTable Fields = new("content", "filename", "type", "disposition", "content_id", "name");

    private static readonly SearchValues<char> Base64Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    /// <summary>The place is the array's field, entered here.</summary>
    public static IReadOnlyList<MessageAttachment> Read(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            return [];
        }

        problems.Enter("attachments");
        var files = ReadArray(value, problems);
        problems.Leave();
        return files;
    }

    private static List<MessageAttachment> ReadArray(JsonElement value, Problems problems)
    {
        if (!Json.IsArray(value, problems) || value.GetArrayLength() is var count && count == 0)
        {
            return [];
        }

        if (count > MostAttachments)
        {
            problems.Add($"There are {count} attachments; {MostAttachments} is the most.");
            return [];
        }

        var files = new List<MessageAttachment>(count);
        var i = 0;
        foreach (var item in value.EnumerateArray())
        {
            problems.Enter(i++);
            if (Json.IsObject(item, problems) && ReadFile(Fields.Read(item, problems), problems) is { } file)
            {
                files.Add(file);
            }

            problems.Leave();
        }

        return files;
    }

    private static MessageAttachment? ReadFile(JsonElement[] slots, Problems problems)
    {
        var before = problems.Count;
        var content = ReadContent(slots[0], problems);
        var name = ReadName(slots[1], problems);
        var type = ReadType(slots[2], problems);
        var inline = ReadInline(slots[3], problems);
        var contentId = ReadContentId(slots[4], problems);
        return problems.Count == before
            ? new MessageAttachment(name!, type, content!, inline, contentId)
            : null;
    }

    private static byte[]? ReadContent(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            problems.Add(Texts.AttachmentNotBase64, "content", "Found no content.");
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            Json.AddWrongType("string", value, problems, "content");
            return null;
        }

        // Strict: the decoder alone would pass over white space, and a decoder downstream might not.
        if (IsBase64Text(value) && Base64Text.TryDecode(value, out var bytes) && bytes.Length > 0)
        {
            return bytes;
        }

        problems.Add(Texts.AttachmentNotBase64, "content", WhatIsWrong(value));
        return null;
    }

    private static bool IsBase64Text(JsonElement value)
    {
        var raw = System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(value);

        // Some encoders write / as \/ and + as \u002B; then it is worth looking at the text itself.
        return raw.IndexOf((byte)'\\') < 0
            ? raw.IndexOfAny(" \t\r\n"u8) < 0
            : TryGetText(value) is { } text && !text.AsSpan().ContainsAnyExcept(Base64Characters);
    }

    private static string WhatIsWrong(JsonElement value)
    {
        var text = TryGetText(value);
        if (text is null)
        {
            return "Found text that is not even characters.";
        }

        if (text.Length == 0)
        {
            return "Found an empty text; an attachment needs at least one octet.";
        }

        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            return "Found a data: URL. Leave out all up to and including the comma.";
        }

        var wrong = text.AsSpan().IndexOfAnyExcept(Base64Characters);
        return wrong switch
        {
            >= 0 when text[wrong] is '\r' or '\n' or ' ' or '\t' => $"Found white space at character {wrong + 1}. Encode without line breaks.",
            >= 0 when text[wrong] is '-' or '_' => $"Found {Problems.Show(text[wrong].ToString())} at character {wrong + 1}: that is the URL-safe alphabet. Encode with + and / instead.",
            >= 0 => $"Found {Problems.Show(text[wrong].ToString())} at character {wrong + 1}.",
            _ => $"Found {text.Length} characters that do not end in a whole group of four; padding with = is missing or misplaced.",
        };
    }

    private static string? TryGetText(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
            return null;
        }
    }

    private static string? ReadName(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            problems.Add(Texts.AttachmentNameMissing, "filename");
            return null;
        }

        if (!Json.TryGetText(value, problems, "filename", out var name))
        {
            return null;
        }

        if (name.Length == 0)
        {
            problems.Add(Texts.AttachmentNameMissing, "filename");
        }
        else if (name.Length > MostCharactersOfName)
        {
            problems.Add($"The filename has {name.Length} characters; {MostCharactersOfName} is the most.", "filename");
        }
        else if (HeaderRules.HasControl(name))
        {
            problems.Add(Texts.LineBreak, "filename");
        }

        return name;
    }

    private static string ReadType(JsonElement value, Problems problems)
    {
        const string Unknown = "application/octet-stream";
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, "type", out var type) || type.Length == 0)
        {
            return Unknown;
        }

        if (type.AsSpan().IndexOfAny(";\r\n") >= 0)
        {
            problems.Add(Texts.AttachmentType, "type", $"Found {Problems.Show(type)}.");
        }
        else if (!MimeHeader.IsValidContentType(type))
        {
            problems.Add("The type must be a media type, such as application/pdf.", "type", $"Found {Problems.Show(type)}.");
        }

        return type;
    }

    private static bool ReadInline(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, "disposition", out var disposition))
        {
            return false;
        }

        if (disposition is not ("inline" or "attachment"))
        {
            problems.Add($"The disposition of your attachment can be either \"inline\" or \"attachment\". You provided {Problems.Show(disposition)}.", "disposition");
        }

        return disposition == "inline";
    }

    private static string? ReadContentId(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, "content_id", out var id) || id.Length == 0)
        {
            return null;
        }

        // Often given as it stands in the header, with its brackets.
        var bare = id is ['<', .., '>'] ? id[1..^1] : id;
        if (!MimeHeader.IsValidContentId(bare) || bare.AsSpan().ContainsAny(";,"))
        {
            problems.Add("The content_id must have 1 to 250 ASCII characters and no space, angle bracket, comma or semicolon.",
                "content_id", $"Found {Problems.Show(id)}.");
        }

        return bare;
    }
}
