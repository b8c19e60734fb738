using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>The bytes that wait to be written: commands, then content. One buffer from the pool, emptied by each write.</summary>
internal sealed class SmtpOutput : IDisposable
{
    private const int Bytes = 64 * 1024;

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(Bytes);

    public int Used { get; private set; }

    public int Room => Bytes - Used;

    public ReadOnlyMemory<byte> Waiting => _buffer.AsMemory(0, Used);

    public void Clear() => Used = 0;

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    public void Mail(SmtpEnvelope envelope, SmtpCapabilities offered, long length)
    {
        Append("MAIL FROM:<");
        AppendUtf8(envelope.ReversePath);
        Append(">");
        if (offered.Size)
        {
            Append(" SIZE=");
            AppendNumber(length);
        }

        Append(envelope.Is8Bit ? " BODY=8BITMIME" : "");
        Append(envelope.RequireTls ? " REQUIRETLS" : "");
        Append(offered.SmtpUtf8 && NeedsSmtpUtf8(envelope) ? " SMTPUTF8\r\n" : "\r\n");
    }

    public void Recipient(string path)
    {
        Append("RCPT TO:<");
        AppendUtf8(path);
        Append(">\r\n");
    }

    public void ChunkHeader(long length)
    {
        Append("BDAT ");
        AppendNumber(length);
        Append(" LAST\r\n");
    }

    public void Append(string ascii) => Used += Encoding.ASCII.GetBytes(ascii, Free);

    /// <summary>Appends what there is room for.</summary>
    /// <returns>How many bytes that was.</returns>
    public int Append(ReadOnlySpan<byte> bytes)
    {
        var take = Math.Min(bytes.Length, Room);
        bytes[..take].CopyTo(Free);
        Used += take;
        return take;
    }

    /// <summary>Appends what there is room for, dot-stuffed, and moves <paramref name="bytes"/> past it.</summary>
    public void AppendStuffed(ref DotStuffer stuffer, ref ReadOnlySpan<byte> bytes) => Used += stuffer.Copy(ref bytes, Free);

    private Span<byte> Free => _buffer.AsSpan(Used, Room);

    private void AppendUtf8(string path) => Used += Encoding.UTF8.GetBytes(path, Free);

    private void AppendNumber(long number)
    {
        number.TryFormat(Free, out var written, default, CultureInfo.InvariantCulture);
        Used += written;
    }

    private static bool NeedsSmtpUtf8(SmtpEnvelope envelope)
    {
        if (envelope.NeedsSmtpUtf8 || !SmtpPath.IsAscii(envelope.ReversePath))
        {
            return true;
        }

        for (var i = 0; i < envelope.ForwardPaths.Count; i++)
        {
            if (!SmtpPath.IsAscii(envelope.ForwardPaths[i]))
            {
                return true;
            }
        }

        return false;
    }
}
