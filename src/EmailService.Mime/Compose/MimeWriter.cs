using System.Buffers;
using System.Text;

namespace EmailService.Mime;

/// <summary>Puts bytes straight into the caller's buffer and knows the column it is at, for folding.</summary>
/// <remarks>Pass by reference. <see cref="Flush"/> before the buffer is used by anyone else.</remarks>
internal ref struct MimeWriter(IBufferWriter<byte> output)
{
    /// <summary>RFC 5322 §2.1.1 prefers 78; RFC 2047 §2 allows 76 on a line that has encoded-words.</summary>
    public const int FoldAt = 76;

    private Span<byte> _span = output.GetSpan(1024);
    private int _used;

    /// <summary>How many octets the present header line has. Bodies do not keep it.</summary>
    public int Column { get; private set; }

    public void Flush()
    {
        output.Advance(_used);
        _used = 0;
        _span = default;
    }

    /// <summary>Room of at least this size; tell with <see cref="Advance"/> how much of it was used.</summary>
    public Span<byte> GetSpan(int size)
    {
        if (_span.Length - _used < size)
        {
            output.Advance(_used);
            _used = 0;
            _span = output.GetSpan(Math.Max(size, 4096));
        }

        return _span[_used..];
    }

    public void Advance(int count)
    {
        _used += count;
        Column += count;
    }

    public void Write(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Advance(bytes.Length);
    }

    public void Write(scoped ReadOnlySpan<char> text)
    {
        var span = GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        Advance(Encoding.UTF8.GetBytes(text, span));
    }

    public void Write(byte value)
    {
        GetSpan(1)[0] = value;
        Advance(1);
    }

    public void EndLine()
    {
        Write("\r\n"u8);
        Column = 0;
    }

    /// <summary>Writes a space and a token that must stay whole, on a new line if it would pass the fold.</summary>
    public void Token(scoped ReadOnlySpan<char> token)
    {
        if (Column + 1 + token.Length > FoldAt)
        {
            EndLine();
        }

        Write((byte)' ');
        Write(token);
    }
}
