using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace EmailService.Mime;

/// <summary>RFC 2047 encoded-words, as they are written.</summary>
internal static class EncodedWords
{
    private const int MaxWord = 75; // RFC 2047 §2
    private const int MaxLine = 76; // RFC 2047 §2: a line that has encoded-words
    private const int Frame = 12; // =?utf-8?Q??=

    // RFC 2047 §5 rule 3, the narrowest of the three contexts: safe in free text and in phrases alike.
    private static readonly SearchValues<char> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/");

    /// <summary>Writes the text as one or more encoded-words, none of them ending inside a character (RFC 2047 §5), in the shorter
    /// of the two encodings, after a gap of so many spaces.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="text">What.</param>
    /// <param name="gap">How many spaces go before the first word.</param>
    /// <param name="whole">Whether a new line is better than a second word.</param>
    public static void Encode(ref MimeWriter writer, ReadOnlySpan<char> text, int gap, bool whole = false)
    {
        var (q, b) = (QLength(text), BLength(text));
        var useQ = q <= b;
        if (whole && Math.Min(q, b) is var length && length <= MaxWord - Frame && writer.Column + gap + Frame + length > MaxLine)
        {
            writer.EndLine();
        }

        while (!text.IsEmpty)
        {
            var room = Math.Min(MaxWord, MaxLine - writer.Column - gap) - Frame;

            // Less than a few characters are not worth a word of their own.
            if (room < 20 && writer.Column > 1)
            {
                writer.EndLine();
                room = Math.Min(MaxWord, MaxLine - gap) - Frame;
            }

            writer.GetSpan(gap)[..gap].Fill((byte)' ');
            writer.Advance(gap);
            var taken = useQ ? WriteQ(ref writer, text, room) : WriteB(ref writer, text, room);
            text = text[taken..];
            gap = 1;
        }
    }

    /// <summary>Whether the text fits into a single encoded-word.</summary>
    public static bool FitsOne(ReadOnlySpan<char> text) => Math.Min(QLength(text), BLength(text)) <= MaxWord - Frame;

    private static int BLength(ReadOnlySpan<char> text) => (Encoding.UTF8.GetByteCount(text) + 2) / 3 * 4;

    private static int QLength(ReadOnlySpan<char> text)
    {
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            length += QLength(rune);
        }

        return length;
    }

    private static int QLength(Rune rune) =>
        rune.Value == ' ' || (rune.IsAscii && Plain.Contains((char)rune.Value)) ? 1 : 3 * rune.Utf8SequenceLength;

    private static int WriteQ(ref MimeWriter writer, ReadOnlySpan<char> text, int room)
    {
        Span<byte> utf8 = stackalloc byte[4];
        writer.Write("=?utf-8?Q?"u8);
        var taken = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var length = QLength(rune);
            if (length > room)
            {
                break;
            }

            room -= length;
            taken += rune.Utf16SequenceLength;
            if (length == 1)
            {
                writer.Write(rune.Value == ' ' ? (byte)'_' : (byte)rune.Value);
                continue;
            }

            foreach (var octet in utf8[..rune.EncodeToUtf8(utf8)])
            {
                var span = writer.GetSpan(3);
                span[0] = (byte)'=';
                span[1] = Hex.Upper(octet >> 4);
                span[2] = Hex.Upper(octet & 0xF);
                writer.Advance(3);
            }
        }

        writer.Write("?="u8);
        return taken;
    }

    private static int WriteB(ref MimeWriter writer, ReadOnlySpan<char> text, int room)
    {
        Span<byte> octets = stackalloc byte[48];
        var limit = Math.Min(octets.Length, room / 4 * 3);
        var (used, taken) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            if (used + rune.Utf8SequenceLength > limit)
            {
                break;
            }

            used += rune.EncodeToUtf8(octets[used..]);
            taken += rune.Utf16SequenceLength;
        }

        writer.Write("=?utf-8?B?"u8);
        var span = writer.GetSpan(64);
        Base64.EncodeToUtf8(octets[..used], span, out _, out var written);
        writer.Advance(written);
        writer.Write("?="u8);
        return taken;
    }
}
