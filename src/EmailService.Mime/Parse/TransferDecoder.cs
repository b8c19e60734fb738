using System.Buffers;

namespace EmailService.Mime;

/// <summary>Undoes base64, quoted-printable, Q and percent encoding; takes what is broken as far as it can be read.</summary>
internal static class TransferDecoder
{
    /// <summary>RFC 2045 §6.8: characters outside the alphabet are skipped; padding ends a group, not the text.</summary>
    public static void Base64(ReadOnlySpan<byte> source, IBufferWriter<byte> output)
    {
        var span = output.GetSpan(Math.Max(4, (source.Length / 4 * 3) + 3));
        if (System.Buffers.Text.Base64.DecodeFromUtf8(source, span, out _, out var written) == OperationStatus.Done)
        {
            output.Advance(written);
            return;
        }

        written = 0;
        var (bits, count) = (0, 0);
        foreach (var octet in source)
        {
            var value = Value(octet);
            if (octet == '=')
            {
                (bits, count) = (0, 0);
            }

            if (value < 0)
            {
                continue;
            }

            bits = (bits << 6) | value;
            count += 6;
            if (count >= 8)
            {
                count -= 8;
                span[written++] = (byte)(bits >> count);
                bits &= (1 << count) - 1;
            }
        }

        output.Advance(written);
    }

    /// <summary>RFC 2045 §6.7. Space at line ends is dropped (rule 3); a = that begins nothing known stays.</summary>
    public static void QuotedPrintable(ReadOnlySpan<byte> source, IBufferWriter<byte> output)
    {
        while (!source.IsEmpty)
        {
            var end = source.IndexOf((byte)'\n');
            var line = end < 0 ? source : source[..end];
            source = end < 0 ? default : source[(end + 1)..];
            var hasCr = end >= 0 && line.EndsWith("\r"u8);
            line = line.TrimEnd(" \t\r"u8);
            var isSoft = line.EndsWith("="u8);
            Escapes(isSoft ? line[..^1] : line, output, escape: (byte)'=', underscoreIsSpace: false);
            if (!isSoft && end >= 0)
            {
                output.Write(hasCr ? "\r\n"u8 : "\n"u8);
            }
        }
    }

    /// <summary>RFC 2047 §4.2.</summary>
    public static void Q(ReadOnlySpan<byte> source, IBufferWriter<byte> output) => Escapes(source, output, (byte)'=', underscoreIsSpace: true);

    /// <summary>RFC 2231 §4.</summary>
    public static void Percent(ReadOnlySpan<byte> source, IBufferWriter<byte> output) => Escapes(source, output, (byte)'%', underscoreIsSpace: false);

    private static void Escapes(ReadOnlySpan<byte> source, IBufferWriter<byte> output, byte escape, bool underscoreIsSpace)
    {
        if (source.IsEmpty)
        {
            return;
        }

        var span = output.GetSpan(source.Length);
        var written = 0;
        for (var i = 0; i < source.Length; i++)
        {
            var octet = source[i];
            if (octet == escape && i + 2 < source.Length && Hex.Value(source[i + 1]) is var high and >= 0
                && Hex.Value(source[i + 2]) is var low and >= 0)
            {
                octet = (byte)((high << 4) | low);
                i += 2;
            }
            else if (underscoreIsSpace && octet == '_')
            {
                octet = (byte)' ';
            }

            span[written++] = octet;
        }

        output.Advance(written);
    }

    private static int Value(byte octet) => octet switch
    {
        >= (byte)'A' and <= (byte)'Z' => octet - 'A',
        >= (byte)'a' and <= (byte)'z' => octet - 'a' + 26,
        >= (byte)'0' and <= (byte)'9' => octet - '0' + 52,
        (byte)'+' => 62,
        (byte)'/' => 63,
        _ => -1,
    };
}
