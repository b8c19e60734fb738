using System.Buffers;

namespace EmailService.Mime.Dkim;

/// <summary>A growing run of octets on a rented array.</summary>
internal sealed class PooledBuffer(int capacity) : IOctetSink, IDisposable
{
    private byte[] array = ArrayPool<byte>.Shared.Rent(capacity);

    internal int Length { get; private set; }

    internal ReadOnlySpan<byte> Written => array.AsSpan(0, Length);

    public void Append(ReadOnlySpan<byte> octets)
    {
        octets.CopyTo(Space(octets.Length));
        Length += octets.Length;
    }

    internal void Append(byte octet)
    {
        Space(1)[0] = octet;
        Length++;
    }

    internal Span<byte> Space(int size)
    {
        if (array.Length - Length < size)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(array.Length * 2, Length + size));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(array);
            array = larger;
        }

        return array.AsSpan(Length);
    }

    internal void Advance(int size) => Length += size;

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(array);
        array = [];
        Length = 0;
    }
}
