using System.Text;

namespace EmailService.Smtp;

/// <summary>What <see cref="SmtpReplyParser.Read"/> made of the bytes so far.</summary>
public enum SmtpReplyStatus
{
    /// <summary>The reply is not complete; give the bytes that were not consumed again, with more after them.</summary>
    NeedMore,

    /// <summary>A reply is complete.</summary>
    Complete,

    /// <summary>A line that is no reply line. The connection is of no more use.</summary>
    Malformed,

    /// <summary>The reply is larger than its limits. The connection is of no more use.</summary>
    TooLarge,
}

/// <summary>Reads replies from bytes as they come in, whole or in pieces. Never throws on input. RFC 5321 §4.2.</summary>
/// <remarks>Keeps the lines of one reply until it is complete, and then starts anew; one parser serves a whole session.
/// A line may end with LF alone. After <see cref="SmtpReplyStatus.Malformed"/> or <see cref="SmtpReplyStatus.TooLarge"/> the parser is
/// not to be used again. Not safe for several threads.</remarks>
public sealed class SmtpReplyParser(SmtpReplyLimits limits)
{
    private StringBuilder? _text;
    private EnhancedStatusCode? _enhanced;
    private int _lines;
    private int _bytes;
    private int _scanned;

    /// <summary>True between the first line of a reply and its last one.</summary>
    public bool IsInsideReply => _lines > 0;

    /// <summary>The code of the last line read of a reply that is not complete yet, else 0.</summary>
    public int PartialCode { get; private set; }

    /// <summary>Takes whole lines from <paramref name="input"/> until a reply is complete or the lines run out.</summary>
    /// <param name="input">All bytes received and not consumed yet.</param>
    /// <param name="consumed">How many bytes to drop; those of a line without an end are never among them.</param>
    /// <param name="reply">The reply, when the status is <see cref="SmtpReplyStatus.Complete"/>.</param>
    /// <returns>Whether there is a reply.</returns>
    public SmtpReplyStatus Read(ReadOnlySpan<byte> input, out int consumed, out SmtpReply? reply)
    {
        consumed = 0;
        reply = null;
        while (true)
        {
            var rest = input[consumed..];

            // A line that trickles in byte by byte is not scanned again from its start.
            var end = rest[Math.Min(_scanned, rest.Length)..].IndexOf((byte)'\n');
            if (end < 0)
            {
                _scanned = rest.Length;
                var tooLarge = rest.Length > limits.MaxLineBytes + 1 || _bytes + rest.Length > limits.MaxBytes;
                return tooLarge ? SmtpReplyStatus.TooLarge : SmtpReplyStatus.NeedMore;
            }

            var length = _scanned + end + 1;
            _scanned = 0;
            consumed += length;
            _bytes += length;
            var line = rest[..(length - 1)];

            // LF alone is accepted as a line end, with any number of CRs before it: hosts do send both.
            line = line.TrimEnd((byte)'\r');
            if (line.Length > limits.MaxLineBytes || length > limits.MaxLineBytes + 2 || _lines >= limits.MaxLines || _bytes > limits.MaxBytes)
            {
                return SmtpReplyStatus.TooLarge;
            }

            if (!TryReadLine(line, out var code, out var isLast, out var text))
            {
                return SmtpReplyStatus.Malformed;
            }

            if (isLast)
            {
                reply = Finish(code, text);
                return SmtpReplyStatus.Complete;
            }

            PartialCode = code;
            Keep(text);
        }
    }

    // RFC 5321 §4.2: Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    private static bool TryReadLine(ReadOnlySpan<byte> line, out int code, out bool isLast, out ReadOnlySpan<byte> text)
    {
        code = 0;
        isLast = true;
        text = default;
        if (line.Length < 3 || line[0] is < (byte)'2' or > (byte)'5' || !char.IsAsciiDigit((char)line[1]) || !char.IsAsciiDigit((char)line[2]))
        {
            return false;
        }

        code = ((line[0] - '0') * 100) + ((line[1] - '0') * 10) + (line[2] - '0');
        if (line.Length == 3)
        {
            // The space may be missing when there is no text. RFC 5321 §4.2.1
            return true;
        }

        isLast = line[3] != (byte)'-';
        text = line[4..];
        return line[3] is (byte)' ' or (byte)'-' or (byte)'\t';
    }

    private void Keep(ReadOnlySpan<byte> text)
    {
        var (enhanced, shown) = Split(text);
        _enhanced ??= enhanced;
        _text ??= new StringBuilder();
        if (_lines++ > 0)
        {
            _text.Append('\n');
        }

        _text.Append(shown);
    }

    private SmtpReply Finish(int code, ReadOnlySpan<byte> text)
    {
        SmtpReply reply;
        if (_lines == 0)
        {
            var (enhanced, shown) = Split(text);
            reply = new SmtpReply(code, enhanced, shown);
        }
        else
        {
            // Lines with different codes: the last one counts, as it is the one that says the host has done.
            Keep(text);
            reply = new SmtpReply(code, _enhanced, _text!.ToString());
        }

        _text?.Clear();
        _enhanced = null;
        _lines = 0;
        _bytes = 0;
        PartialCode = 0;
        return reply;
    }

    // RFC 2034 §4: the enhanced code stands at the start of each line of the text.
    private static (EnhancedStatusCode? Enhanced, string Text) Split(ReadOnlySpan<byte> bytes)
    {
        Span<char> chars = stackalloc char[16];
        var head = Math.Min(bytes.Length, chars.Length);
        for (var i = 0; i < head; i++)
        {
            chars[i] = (char)bytes[i];
        }

        if (!EnhancedStatusCode.TryReadPrefix(chars[..head], out var code, out var length))
        {
            return (null, Show(bytes));
        }

        return (code, Show(bytes[length..].TrimStart(" \t"u8)));
    }

    private static string Show(ReadOnlySpan<byte> bytes)
    {
        // Nearly every line is plain ASCII without controls and is copied as it is.
        if (!bytes.ContainsAnyExceptInRange((byte)0x20, (byte)0x7E))
        {
            return Encoding.ASCII.GetString(bytes);
        }

        return string.Create(Encoding.UTF8.GetCharCount(bytes), bytes, static (chars, source) =>
        {
            Encoding.UTF8.GetChars(source, chars);
            foreach (ref var c in chars)
            {
                c = char.IsControl(c) ? ' ' : c;
            }
        });
    }
}
