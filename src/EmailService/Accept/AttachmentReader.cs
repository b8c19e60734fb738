using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>The files of a request.</summary>
internal static class AttachmentReader
{
    private const int MostAttachments = 500;
    private const int MostCharactersOfName = 255;

    private static readonly FieldTable Fields = new("content", "filename", "type", "disposition", "content_id");

    private const int MostCharactersOfType = 255;

    // With the blanks that encoders put in to make lines (RFC 2045 §6.8), which the decoder passes over.
    private static readonly SearchValues<char> Base64Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n");

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

        if (TryDecode(value, out var bytes))
        {
            return bytes;
        }

        problems.Add(Texts.AttachmentNotBase64, "content", WhatIsWrong(value));
        return null;
    }

    private static bool TryDecode(JsonElement value, [NotNullWhen(true)] out byte[]? bytes)
    {
        try
        {
            return Base64Text.TryDecode(value, out bytes) && bytes.Length > 0;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
            bytes = null;
            return false;
        }
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
            >= 0 when text[wrong] is '-' or '_' => $"Found {Problems.Show(text[wrong].ToString())} at character {wrong + 1}: that is the URL-safe alphabet. Encode with + and / instead.",
            >= 0 => $"Found {Problems.Show(text[wrong].ToString())} at character {wrong + 1}.",
            _ when WithoutBlanks(text) % 4 != 0 => $"Found {text.Length} characters that do not end in a whole group of four; padding with = is missing or misplaced.",
            _ => "Found padding in the middle, or before it a character that says more than whole octets (RFC 4648 §3.5): the text was cut, or put together of several.",
        };
    }

    private static int WithoutBlanks(ReadOnlySpan<char> text) =>
        text.Length - text.Count(' ') - text.Count('\t') - text.Count('\r') - text.Count('\n');

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

        // An empty one is a file without a name, as many inline images are.
        if (name.Length > MostCharactersOfName)
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

        if (type.Length > MostCharactersOfType || HeaderRules.HasControl(type) || !MimeHeader.IsValidContentType(type))
        {
            problems.Add($"The type must be a media type of at most {MostCharactersOfType} characters, such as application/pdf or text/calendar; method=REQUEST.",
                "type", $"Found {Problems.Show(type)}.");
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
        if (!MimeHeader.CanBeContentId(bare) || bare.AsSpan().ContainsAny(";,"))
        {
            problems.Add("The content_id must have 1 to 250 characters and no angle bracket, comma, semicolon or control character.",
                "content_id", $"Found {Problems.Show(id)}.");
        }

        return bare;
    }
}
