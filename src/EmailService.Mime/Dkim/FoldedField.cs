using System.Buffers;
using System.Buffers.Text;

namespace EmailService.Mime.Dkim;

/// <summary>Writes one header field and folds it before the column limit. RFC 5322 §2.1.1, §2.2.3.</summary>
internal struct FoldedField(PooledBuffer output)
{
    private const int MaxColumn = 78;

    private int column;

    /// <summary>Writes what may not be broken, on a new line if this one has no room for it and what must follow.</summary>
    /// <param name="text">The octets.</param>
    /// <param name="following">How many octets will be written behind it without a chance to fold.</param>
    internal void Unbroken(ReadOnlySpan<byte> text, int following = 0)
    {
        if (column > 1 && column + text.Length + following > MaxColumn)
        {
            Fold();
        }

        output.Append(text);
        column += text.Length;
    }

    /// <summary>Ends the line; the next one begins with the space that makes it part of the same field.</summary>
    internal void Fold()
    {
        output.Append("\r\n "u8);
        column = 1;
    }

    /// <summary>Writes base64, broken wherever a line is full: <c>b=</c> and <c>bh=</c> may hold FWS. RFC 6376 §3.5.</summary>
    internal void Encoded(ReadOnlySpan<byte> octets)
    {
        var text = ArrayPool<byte>.Shared.Rent(Base64.GetMaxEncodedToUtf8Length(octets.Length));
        Base64.EncodeToUtf8(octets, text, out _, out var length);
        var rest = text.AsSpan(0, length);
        while (!rest.IsEmpty)
        {
            if (column >= MaxColumn)
            {
                Fold();
            }

            var take = Math.Min(rest.Length, MaxColumn - column);
            output.Append(rest[..take]);
            column += take;
            rest = rest[take..];
        }

        ArrayPool<byte>.Shared.Return(text);
    }
}
