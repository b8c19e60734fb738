namespace EmailService.Mime.Dkim;

/// <summary>Where a header field lies in a message.</summary>
/// <param name="Start">Offset of its first octet.</param>
/// <param name="Length">Length with its folds, without its last CRLF.</param>
/// <param name="NameLength">Length of the name; 0 for a line without a colon, which no signature can name.</param>
internal readonly record struct HeaderField(int Start, int Length, int NameLength)
{
    internal ReadOnlySpan<byte> In(ReadOnlySpan<byte> message) => message.Slice(Start, Length);

    internal ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> message) => message.Slice(Start, NameLength);
}

/// <summary>Walks the header fields of a message, unread and unchanged, and finds the body. RFC 5322 §2.1, §2.2.</summary>
internal ref struct HeaderReader(ReadOnlySpan<byte> message)
{
    private readonly ReadOnlySpan<byte> message = message;

    /// <summary>Where the next field begins; once <see cref="TryRead"/> returned false, where the body begins.</summary>
    internal int Position { get; private set; }

    internal bool TryRead(out HeaderField field)
    {
        field = default;
        var rest = message[Position..];
        if (rest.IsEmpty)
        {
            return false;
        }

        if (rest.StartsWith("\r\n"u8))
        {
            Position += 2;
            return false;
        }

        var length = FieldLength(rest);
        var colon = rest[..length].IndexOf((byte)':');
        var nameLength = colon < 0 ? 0 : rest[..colon].TrimEnd(" \t"u8).Length;
        field = new HeaderField(Position, length, nameLength);
        Position += Math.Min(length + 2, rest.Length);
        return true;
    }

    private static int FieldLength(ReadOnlySpan<byte> rest)
    {
        var end = 0;
        while (true)
        {
            var line = rest[end..].IndexOf("\r\n"u8);
            if (line < 0)
            {
                return rest.Length;
            }

            end += line;
            if (end + 2 >= rest.Length || rest[end + 2] is not ((byte)' ' or (byte)'\t'))
            {
                return end;
            }

            end += 2;
        }
    }
}
