using System.Buffers;
using System.Text;

namespace EmailService.Platform;

/// <summary>Makes what another machine or a stranger said fit to be stored, logged and shown on a terminal. Everything from outside (DNS, replies of mail hosts, answers
/// to HTTP, certificates, header fields, paths) goes through here before it goes anywhere else.</summary>
/// <remarks>What it leaves out would make PostgreSQL refuse the row (U+0000, half of a surrogate pair), a terminal obey (ESC and the other control characters, C1 as well),
/// a log show two entries for one (line breaks, U+2028, U+2029), or a reader see another text than there is (bidirectional overrides and marks, invisible tags).
/// Text in any script, and the joiners that emoji and some scripts need, stay.</remarks>
public static class OneLine
{
    // Nearly all that is said is plain ASCII, and then nothing is copied.
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c)]);
    private static readonly SearchValues<char> PlainLines = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c), '\n', '…']);

    /// <summary>One line: line breaks and control characters are spaces, what would deceive is U+FFFD.</summary>
    /// <param name="text">What was said.</param>
    /// <param name="most">UTF-16 code units; what is longer is cut, never through a character.</param>
    public static string Of(string text, int most)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length <= most && !text.AsSpan().ContainsAnyExcept(Plain) ? text.Trim() : Clean(text, most, keepLines: false).Trim();
    }

    /// <summary>The same for a text of several lines, such as a transcript: <c>\n</c> stays.</summary>
    /// <param name="text">What was said.</param>
    /// <param name="most">UTF-16 code units; what is longer is cut, never through a character.</param>
    public static string Lines(string text, int most)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length <= most && !text.AsSpan().ContainsAnyExcept(PlainLines) ? text : Clean(text, most, keepLines: true);
    }

    /// <summary>Octets of DNS, one character each: shown as the UTF-8 that they mostly are.</summary>
    /// <param name="octets">Characters up to U+00FF.</param>
    /// <param name="most">UTF-16 code units of the result.</param>
    public static string OfOctets(string octets, int most)
    {
        ArgumentNullException.ThrowIfNull(octets);
        return Of(octets.AsSpan().ContainsAnyExceptInRange('\0', '\x7f') ? Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(octets)) : octets, most);
    }

    private static string Clean(string text, int most, bool keepLines)
    {
        var line = new StringBuilder(Math.Min(text.Length, most));
        foreach (var rune in text.EnumerateRunes())
        {
            if (line.Length + rune.Utf16SequenceLength > most)
            {
                break;
            }

            if (keepLines && rune.Value == '\n')
            {
                line.Append('\n');
            }
            else if (Rune.IsControl(rune))
            {
                line.Append(' ');
            }
            else
            {
                AppendUnlessDeceiving(line, rune);
            }
        }

        return line.ToString();
    }

    private static void AppendUnlessDeceiving(StringBuilder line, Rune rune)
    {
        if (IsDeceiving(rune.Value))
        {
            line.Append('\uFFFD');
            return;
        }

        Span<char> units = stackalloc char[2];
        line.Append(units[..rune.EncodeToUtf16(units)]);
    }

    private static bool IsDeceiving(int value) => value
        is 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x206F) // direction
        or 0x2028 or 0x2029 // line and paragraph
        or 0xFEFF or (>= 0xFFF9 and <= 0xFFFB) // invisible
        or (>= 0xE0000 and <= 0xE0FFF) // tags and variation selectors that nothing shows
        || (value & 0xFFFE) == 0xFFFE || value is >= 0xFDD0 and <= 0xFDEF; // no characters
}
