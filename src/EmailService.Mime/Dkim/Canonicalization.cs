using System.Buffers;

namespace EmailService.Mime.Dkim;

/// <summary>The two ways to bring a message into the form that is hashed. RFC 6376 §3.4.</summary>
internal static class Canonicalization
{
    private static readonly SearchValues<byte> FoldingOctets = SearchValues.Create(" \t\r\n"u8);

    /// <summary>Appends a header field with its CRLF. RFC 6376 §3.4.1, §3.4.2.</summary>
    /// <param name="field">The field without its last CRLF.</param>
    /// <param name="nameLength">Length of its name.</param>
    /// <param name="relaxed">Which way.</param>
    /// <param name="output">Where to.</param>
    internal static void Header(ReadOnlySpan<byte> field, int nameLength, bool relaxed, PooledBuffer output)
    {
        if (relaxed)
        {
            RelaxedHeader(field, nameLength, output);
        }
        else
        {
            output.Append(field);
        }

        output.Append("\r\n"u8);
    }

    /// <summary>Appends the canonical body. RFC 6376 §3.4.3, §3.4.4.</summary>
    /// <param name="body">All after the empty line that ends the header.</param>
    /// <param name="relaxed">Which way.</param>
    /// <param name="output">Where to.</param>
    internal static void Body(ReadOnlySpan<byte> body, bool relaxed, IOctetSink output)
    {
        if (relaxed)
        {
            RelaxedBody(body, output);
            return;
        }

        while (body.EndsWith("\r\n"u8))
        {
            body = body[..^2];
        }

        // An empty body is one CRLF here, and nothing at all in the relaxed form.
        output.Append(body);
        output.Append("\r\n"u8);
    }

    private static void RelaxedHeader(ReadOnlySpan<byte> field, int nameLength, PooledBuffer output)
    {
        foreach (var octet in field[..nameLength])
        {
            output.Append(octet is >= (byte)'A' and <= (byte)'Z' ? (byte)(octet | 0x20) : octet);
        }

        output.Append((byte)':');
        var value = field[(nameLength + field[nameLength..].IndexOf((byte)':') + 1)..];
        var isFirst = true;
        var isSpacePending = false;
        while (!value.IsEmpty)
        {
            var length = value.IndexOfAny(FoldingOctets);
            if (length == 0)
            {
                if (value.StartsWith("\r\n"u8))
                {
                    value = value[2..];
                    continue;
                }

                if (value[0] is (byte)' ' or (byte)'\t')
                {
                    isSpacePending = true;
                    value = value[1..];
                    continue;
                }

                length = 1; // CR or LF alone folds nothing: it is text, if bad text.
            }

            if (length < 0)
            {
                length = value.Length;
            }

            if (isSpacePending && !isFirst)
            {
                output.Append((byte)' ');
            }

            output.Append(value[..length]);
            value = value[length..];
            isSpacePending = isFirst = false;
        }
    }

    private static void RelaxedBody(ReadOnlySpan<byte> body, IOctetSink output)
    {
        body = WithoutEmptyEnd(body);
        if (body.IsEmpty)
        {
            return;
        }

        // Lines that stay as they are, nearly all, are handed on together, straight from the message.
        var unchanged = 0;
        for (var start = 0; start < body.Length;)
        {
            var length = body[start..].IndexOf("\r\n"u8);
            var end = length < 0 ? body.Length : start + length;
            var line = body[start..end];
            if (!IsCanonical(line))
            {
                output.Append(body[unchanged..start]);
                Squeeze(line, output);
                unchanged = end;
            }

            start = end + 2;
        }

        output.Append(body[unchanged..]);
        output.Append("\r\n"u8);
    }

    /// <summary>Cuts the line end and space of the last line that says something, and all after it.</summary>
    private static ReadOnlySpan<byte> WithoutEmptyEnd(ReadOnlySpan<byte> body)
    {
        while (true)
        {
            body = body.TrimEnd(" \t"u8);
            if (!body.EndsWith("\r\n"u8))
            {
                return body;
            }

            body = body[..^2];
        }
    }

    private static bool IsCanonical(ReadOnlySpan<byte> line) =>
        line.IsEmpty || (line[^1] != (byte)' ' && !line.Contains((byte)'\t') && line.IndexOf("  "u8) < 0);

    private static void Squeeze(ReadOnlySpan<byte> line, IOctetSink output)
    {
        Span<byte> buffer = stackalloc byte[512];
        var used = 0;
        var rest = line.TrimEnd(" \t"u8);
        while (!rest.IsEmpty)
        {
            var word = rest.IndexOfAny((byte)' ', (byte)'\t');
            word = word < 0 ? rest.Length : word;
            if (used + word + 1 > buffer.Length)
            {
                output.Append(buffer[..used]);
                used = 0;
            }

            if (word < buffer.Length)
            {
                rest[..word].CopyTo(buffer[used..]);
                used += word;
            }
            else
            {
                output.Append(rest[..word]);
            }

            rest = rest[word..];
            if (!rest.IsEmpty)
            {
                buffer[used++] = (byte)' ';
                rest = rest.TrimStart(" \t"u8);
            }
        }

        output.Append(buffer[..used]);
    }
}
