using System.Buffers;
using System.Buffers.Text;

namespace EmailService.Mime;

/// <summary>Quoted-printable (RFC 2045 §6.7) and base64 (§6.8), in lines of at most 76 characters, straight into the output.</summary>
internal static class TransferEncoder
{
    private const int MaxLine = 76;
    private const int Base64LineOctets = 57;

    private static readonly SearchValues<byte> Literal = SearchValues.Create(
        " !\"#$%&'()*+,-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\t"u8);

    /// <summary>The octets must have CRLF line ends; a CR or LF alone is encoded.</summary>
    public static void QuotedPrintable(ref MimeWriter writer, ReadOnlySpan<byte> octets)
    {
        var column = 0;
        while (!octets.IsEmpty)
        {
            var run = octets.IndexOfAnyExcept(Literal);
            run = run < 0 ? octets.Length : run;
            var atLineEnd = IsCrLf(octets[run..]);
            if (run > 0)
            {
                // Space or tab at the end of a line would be lost on the way (RFC 2045 §6.7 rule 3), and so would one at the end of all.
                var last = octets[run - 1];
                var encodeLast = last is (byte)' ' or (byte)'\t' && (atLineEnd || run == octets.Length);
                var plain = octets[..(encodeLast ? run - 1 : run)];
                column = Literals(ref writer, plain, column, atLineEnd && !encodeLast);
                if (encodeLast)
                {
                    column = Escape(ref writer, last, column, lastOfLine: true);
                }

                octets = octets[run..];
            }

            if (atLineEnd)
            {
                writer.Write("\r\n"u8);
                column = 0;
                octets = octets[2..];
            }
            else if (!octets.IsEmpty)
            {
                column = Escape(ref writer, octets[0], column, lastOfLine: IsCrLf(octets[1..]));
                octets = octets[1..];
            }
        }
    }

    public static void Base64(ref MimeWriter writer, ReadOnlySpan<byte> octets)
    {
        while (!octets.IsEmpty)
        {
            var take = Math.Min(octets.Length, Base64LineOctets);
            var span = writer.GetSpan(MaxLine + 2);
            System.Buffers.Text.Base64.EncodeToUtf8(octets[..take], span, out _, out var written);
            octets = octets[take..];

            // The last line's end belongs to the boundary or to the message.
            if (!octets.IsEmpty)
            {
                span[written++] = (byte)'\r';
                span[written++] = (byte)'\n';
            }

            writer.Advance(written);
        }
    }

    private static bool IsCrLf(ReadOnlySpan<byte> octets) => octets is [(byte)'\r', (byte)'\n', ..];

    private static int Literals(ref MimeWriter writer, ReadOnlySpan<byte> run, int column, bool lastOfLine)
    {
        while (!run.IsEmpty)
        {
            // A mailbox file would put a > before it and break the signature (RFC 4155).
            if (column == 0 && run.StartsWith("From "u8))
            {
                column = Escape(ref writer, run[0], column, lastOfLine: false);
                run = run[1..];
            }

            // A line may be 76 wide only if no soft break follows it; with the break's = it is 75 and one.
            var room = MaxLine - column - (lastOfLine && run.Length <= MaxLine - column ? 0 : 1);
            if (room <= 0)
            {
                writer.Write("=\r\n"u8);
                column = 0;
                continue;
            }

            var take = Math.Min(room, run.Length);
            writer.Write(run[..take]);
            column += take;
            run = run[take..];
        }

        return column;
    }

    private static int Escape(ref MimeWriter writer, byte octet, int column, bool lastOfLine)
    {
        if (column + 3 > MaxLine - (lastOfLine ? 0 : 1))
        {
            writer.Write("=\r\n"u8);
            column = 0;
        }

        var span = writer.GetSpan(3);
        span[0] = (byte)'=';
        span[1] = Hex.Upper(octet >> 4);
        span[2] = Hex.Upper(octet & 0xF);
        writer.Advance(3);
        return column + 3;
    }
}
