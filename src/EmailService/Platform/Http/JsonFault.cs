using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EmailService.Platform.Http;

/// <summary>Says why a body is not JSON in words for its sender. The platform's own messages speak of reader options and of bytes in hexadecimal.</summary>
internal static class JsonFault
{
    /// <summary>Characters of the body that are shown before the place.</summary>
    private const int Shown = 30;

    /// <summary>Where the fault is, by line and column from 1, what stands there, and what to change.</summary>
    /// <param name="body">UTF-8, as it was parsed.</param>
    /// <param name="exception">What the parser said of it.</param>
    public static string Explain(ReadOnlySpan<byte> body, JsonException exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        if (body.Trim(" \t\r\n"u8).IsEmpty)
        {
            return "The body is empty; it should be a JSON object.";
        }

        var line = exception.LineNumber ?? 0;
        var start = StartOf(body, line);
        var at = (int)Math.Min(body.Length, start + (exception.BytePositionInLine ?? 0));
        var column = Encoding.UTF8.GetCharCount(body[start..at]) + 1;
        var before = body[..at].TrimEnd(" \t\r\n"u8);
        var near = Near(body[..at]);
        return string.Create(CultureInfo.InvariantCulture,
            $"The body is not JSON. Line {line + 1}, column {column}: {Reason(body, at, before, exception)}{(near.Length > 0 ? $" It comes after: {near}" : "")}");
    }

    private static string Reason(ReadOnlySpan<byte> body, int at, ReadOnlySpan<byte> before, JsonException exception)
    {
        if (exception.Message.Contains("maximum configured depth", StringComparison.Ordinal))
        {
            return "objects and lists are nested too deeply.";
        }

        if (at >= body.Length)
        {
            return "the body ends before it is complete. A text, list or object is not closed.";
        }

        var last = before.IsEmpty ? (byte)0 : before[^1];
        var found = Show(body[at..]);
        return body[at] switch
        {
            (byte)'}' or (byte)']' when last == ',' => $"found {found} right after a comma. Take the comma out.",
            (byte)'}' or (byte)']' => $"found {found}, which closes nothing that is open there.",
            (byte)',' when last == ',' => "found a second comma. Take one out.",
            (byte)'\'' => "found a single quote. JSON has double quotes around names and texts.",
            (byte)'/' or (byte)'#' => "found a comment. JSON has none; take it out.",
            < 0x20 when IsInText(body[..at]) => "found a line break or another control character inside a text. Write a line break as \\n, a tab as \\t.",
            < 0x20 => string.Create(CultureInfo.InvariantCulture, $"found the control character U+{body[at]:X4} between names and values. Take it out."),
            _ when last == '\\' => $"found {found} after a backslash. A backslash itself is written as \\\\.",
            (byte)'"' or (byte)'{' or (byte)'[' when IsEndOfValue(last) => $"found {found} where a comma is missing.",
            (byte)'=' or (byte)'&' => $"found {found}. That looks like a form; send a JSON object.",
            _ when body[at..].StartsWith("“"u8) || body[at..].StartsWith("”"u8) => $"found {found}, a typographic quote. JSON has plain double quotes.",
            _ when IsLetter(body[at]) && last is (byte)'{' or (byte)',' => $"found {found}. A name stands in double quotes.",
            _ when IsLetter(body[at]) => $"found {found}. A text stands in double quotes; what has none is a number, true, false or null.",
            _ => $"found {found}, which cannot stand there.",
        };
    }

    /// <summary>Whether a text is open where the octets end.</summary>
    private static bool IsInText(ReadOnlySpan<byte> before)
    {
        var isIn = false;
        for (var i = 0; i < before.Length; i++)
        {
            if (before[i] == '"')
            {
                isIn = !isIn;
            }
            else if (before[i] == '\\' && isIn)
            {
                i++;
            }
        }

        return isIn;
    }

    private static bool IsEndOfValue(byte last) => last is (byte)'"' or (byte)'}' or (byte)']' || IsLetter(last) || char.IsAsciiDigit((char)last);

    private static bool IsLetter(byte octet) => char.IsAsciiLetter((char)octet);

    private static int StartOf(ReadOnlySpan<byte> body, long line)
    {
        var start = 0;
        for (; line > 0; line--)
        {
            start += body[start..].IndexOf((byte)'\n') + 1;
        }

        return start;
    }

    private static string Near(ReadOnlySpan<byte> before)
    {
        var from = Math.Max(0, before.Length - Shown);

        // Not from the middle of a character.
        while (from < before.Length && (before[from] & 0xC0) == 0x80)
        {
            from++;
        }

        var text = Plain(Encoding.UTF8.GetString(before[from..])).Trim();
        return text.Length == 0 ? "" : (from > 0 ? "…" : "") + text;
    }

    private static string Show(ReadOnlySpan<byte> from) =>
        Rune.DecodeFromUtf8(from, out var rune, out _) == System.Buffers.OperationStatus.Done ? $"\"{Plain(rune.ToString())}\"" : "an octet that is no character";

    private static string Plain(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}
