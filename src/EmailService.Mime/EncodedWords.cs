using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace EmailService.Mime;

/// <summary>RFC 2047 encoded-words, both ways.</summary>
internal static class EncodedWords
{
    private const int MaxWord = 75; // RFC 2047 §2
    private const int MaxLine = 76; // RFC 2047 §2: a line that has encoded-words
    private const int MaxPayload = 4096; // what others write; keeps a field full of beginnings from being searched to its end each time
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

    /// <summary>Reads encoded-words wherever they stand, also inside words and quotes where RFC 2047 §5 forbids them and senders put
    /// them all the same.</summary>
    public static string Decode(string value)
    {
        if (!value.Contains("=?", StringComparison.Ordinal))
        {
            return value;
        }

        var result = new StringBuilder(value.Length);
        var pending = new PendingWord();
        var rest = value.AsSpan();
        while (!rest.IsEmpty)
        {
            var at = rest.IndexOf("=?", StringComparison.Ordinal);
            if (at < 0 || !TryReadWord(rest[at..], out var length, out var charset, out var isB, out var payload))
            {
                var literal = at < 0 ? rest.Length : at + 2;
                pending.FlushTo(result);
                result.Append(rest[..literal]);
                rest = rest[literal..];
                continue;
            }

            // RFC 2047 §6.2: space between two encoded-words is not shown.
            var between = rest[..at];
            if (!pending.IsOpen || !between.Trim(" \t\r\n").IsEmpty)
            {
                pending.FlushTo(result);
                result.Append(between);
            }

            pending.Add(result, charset, isB, payload);
            rest = rest[(at + length)..];
        }

        pending.FlushTo(result);
        return result.ToString();
    }

    private static bool TryReadWord(
        ReadOnlySpan<char> text,
        out int length,
        out ReadOnlySpan<char> charset,
        out bool isB,
        out ReadOnlySpan<char> payload)
    {
        (length, isB) = (0, false);
        charset = payload = default;
        var mark = text[2..].IndexOf('?');
        if (mark is < 1 or > 60 || text.Length < mark + 5 || text[mark + 4] != '?')
        {
            return false;
        }

        charset = text.Slice(2, mark);
        isB = text[mark + 3] is 'B' or 'b';
        if ((!isB && text[mark + 3] is not ('Q' or 'q')) || charset.IndexOfAny(' ', '\t', '=') >= 0)
        {
            return false;
        }

        // RFC 2231 §5: a language may follow the charset.
        var star = charset.IndexOf('*');
        charset = star > 0 ? charset[..star] : charset;
        payload = text[(mark + 5)..];
        var end = payload[..Math.Min(payload.Length, MaxPayload)].IndexOf("?=", StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        payload = payload[..end];
        length = mark + 5 + end + 2;
        return payload.IndexOf('?') < 0;
    }

    /// <summary>Adjacent words of one charset and encoding are joined before they are decoded: many senders split characters.</summary>
    private struct PendingWord
    {
        private string? _charset;
        private bool _isB;
        private ArrayBufferWriter<byte>? _octets;

        public readonly bool IsOpen => _charset is not null;

        public void Add(StringBuilder result, ReadOnlySpan<char> charset, bool isB, ReadOnlySpan<char> payload)
        {
            if (_charset is not null && (_isB != isB || !charset.Equals(_charset, StringComparison.OrdinalIgnoreCase)))
            {
                FlushTo(result);
            }

            _charset ??= charset.ToString();
            _isB = isB;
            _octets ??= new ArrayBufferWriter<byte>();
            var raw = Encoding.UTF8.GetBytes(payload.ToString());
            if (isB)
            {
                TransferDecoder.Base64(raw, _octets);
            }
            else
            {
                TransferDecoder.Q(raw, _octets);
            }
        }

        public void FlushTo(StringBuilder result)
        {
            if (_charset is null)
            {
                return;
            }

            result.Append(Charsets.Decode(_charset, _octets!.WrittenSpan));
            _octets.ResetWrittenCount();
            _charset = null;
        }
    }
}
