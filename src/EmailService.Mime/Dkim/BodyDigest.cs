using System.Buffers;
using System.Security.Cryptography;

namespace EmailService.Mime.Dkim;

/// <summary>SHA-256 of the canonical body, up to a limit. Gathers short pieces, so that a body of many changed lines
/// is not as many calls into OpenSSL; a long piece goes there straight from the message.</summary>
internal sealed class BodyDigest(long limit) : IOctetSink, IDisposable
{
    private const int Gathered = 4096;

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(Gathered);
    private int pending;

    /// <summary>Octets of the canonical body, those beyond the limit included.</summary>
    internal long Length { get; private set; }

    public void Append(ReadOnlySpan<byte> octets)
    {
        var room = Math.Max(0, limit - Length);
        Length += octets.Length;
        if (octets.Length > room)
        {
            octets = octets[..(int)room];
        }

        if (pending + octets.Length > Gathered)
        {
            Flush();
        }

        if (octets.Length >= Gathered / 4)
        {
            Flush();
            hash.AppendData(octets);
            return;
        }

        octets.CopyTo(buffer.AsSpan(pending));
        pending += octets.Length;
    }

    internal void Finish(Span<byte> destination)
    {
        Flush();
        hash.GetHashAndReset(destination);
    }

    public void Dispose()
    {
        hash.Dispose();
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Flush()
    {
        if (pending > 0)
        {
            hash.AppendData(buffer.AsSpan(0, pending));
            pending = 0;
        }
    }
}
