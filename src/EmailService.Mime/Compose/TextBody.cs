using System.Buffers;
using System.Text;

namespace EmailService.Mime;

/// <summary>How the octets of a part are written (RFC 2045 §6). Never 8bit: whatever host takes it, it need not be changed.</summary>
internal enum TransferEncoding
{
    SevenBit,
    QuotedPrintable,
    Base64,
}

/// <summary>A text as UTF-8 with CRLF line ends in a pooled buffer, and the encoding that suits it.</summary>
internal readonly struct TextBody : IDisposable
{
    private const int MaxLine = 998; // RFC 5322 §2.1.1

    /// <summary>Characters from which a buffer is measured out and left to the collector: the pool would keep one of three octets a character.</summary>
    private const int LargeFrom = 256 * 1024;

    // What 7bit may carry. NUL and bare CR, LF are out (RFC 2045 §2.7); other controls are kept from gateways too.
    private static readonly SearchValues<byte> Clean = SearchValues.Create(CleanOctets());

    private readonly byte[] _buffer;
    private readonly int _length;

    private readonly bool _isPooled;

    private TextBody(byte[] buffer, int length, bool isPooled)
    {
        _buffer = buffer;
        _isPooled = isPooled;
        _length = length;
        Encoding = Choose(buffer.AsSpan(0, length));
    }

    public TransferEncoding Encoding { get; }

    public ReadOnlySpan<byte> Octets => _buffer.AsSpan(0, _length);

    public static TextBody From(string text)
    {
        var source = text.AsSpan();
        var lineEnds = source.IndexOfAny('\r', '\n') < 0 ? 0 : source.Count('\n') + source.Count('\r');
        var isPooled = text.Length < LargeFrom;
        var buffer = isPooled
            ? ArrayPool<byte>.Shared.Rent(System.Text.Encoding.UTF8.GetMaxByteCount(text.Length) + (2 * lineEnds))
            : GC.AllocateUninitializedArray<byte>(System.Text.Encoding.UTF8.GetByteCount(text) + (2 * lineEnds));
        var length = 0;
        while (lineEnds > 0)
        {
            var end = source.IndexOfAny('\r', '\n');
            if (end < 0)
            {
                break;
            }

            length += System.Text.Encoding.UTF8.GetBytes(source[..end], buffer.AsSpan(length));
            buffer[length++] = (byte)'\r';
            buffer[length++] = (byte)'\n';
            end += source[end] == '\r' && end + 1 < source.Length && source[end + 1] == '\n' ? 2 : 1;
            source = source[end..];
        }

        length += System.Text.Encoding.UTF8.GetBytes(source, buffer.AsSpan(length));
        return new TextBody(buffer, length, isPooled);
    }

    public void Dispose()
    {
        if (_isPooled)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }

    private static TransferEncoding Choose(ReadOnlySpan<byte> octets)
    {
        if (octets.IndexOfAnyExcept(Clean) < 0)
        {
            return IsSevenBit(octets) ? TransferEncoding.SevenBit : TransferEncoding.QuotedPrintable;
        }

        // Three octets for each that is escaped, against four for each three; a short text stays readable at the cost of a few.
        var escaped = 0;
        foreach (var octet in octets)
        {
            escaped += octet is > 126 or < 9 or (byte)'=' ? 1 : 0;
        }

        return escaped * 6L <= octets.Length + 48L ? TransferEncoding.QuotedPrintable : TransferEncoding.Base64;
    }

    /// <summary>Whether octets that are known to be clean ASCII can go as they are: no long line, and none that a mailbox file would
    /// change by a <c>&gt;</c> before its From (RFC 4155).</summary>
    private static bool IsSevenBit(ReadOnlySpan<byte> octets)
    {
        if (octets.StartsWith("From "u8) || octets.IndexOf("\nFrom "u8) >= 0)
        {
            return false;
        }

        while (octets.Length > MaxLine)
        {
            // The last line end within the limit: a jump of most of a kilobyte each time.
            // Of 999 octets that remain there are not so many to look at; they may hold the last line and its end.
            var end = octets[..Math.Min(octets.Length, MaxLine + 2)].LastIndexOf((byte)'\n');
            if (end < 0)
            {
                return false;
            }

            octets = octets[(end + 1)..];
        }

        return true;
    }

    /// <summary>Whether foreign octets (an attached message) may go as 7bit: clean ASCII, every line end a CRLF, lines short.</summary>
    public static bool CanBeSevenBit(ReadOnlySpan<byte> octets)
    {
        if (octets.IndexOfAnyExcept(Clean) >= 0 || !IsSevenBit(octets))
        {
            return false;
        }

        while (true)
        {
            var end = octets.IndexOfAny((byte)'\r', (byte)'\n');
            if (end < 0)
            {
                return true;
            }

            if (octets[end] != '\r' || end + 1 >= octets.Length || octets[end + 1] != '\n')
            {
                return false;
            }

            octets = octets[(end + 2)..];
        }
    }

    private static byte[] CleanOctets()
    {
        var octets = new List<byte> { (byte)'\t', (byte)'\r', (byte)'\n' };
        for (var octet = 0x20; octet < 0x7F; octet++)
        {
            octets.Add((byte)octet);
        }

        return [.. octets];
    }
}
