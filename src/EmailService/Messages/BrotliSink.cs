using System.Buffers;
using System.IO.Compression;
using EmailService.Platform;

namespace EmailService.Messages;

/// <summary>Compresses what is written to it as it comes, so that neither the text nor a bound on its compressed size is ever held whole.</summary>
internal sealed class BrotliSink(byte form, int quality, int windowBits, int mostOctets) : IBufferWriter<byte>, IDisposable
{
    private const int PieceOctets = 64 * 1024;

    // Reserved whole, but only what is written to costs memory.
    private readonly NativeOctets compressed = NativeOctets.Reserve(mostOctets);
    private byte[] piece = ArrayPool<byte>.Shared.Rent(PieceOctets);
    private BrotliEncoder encoder = new(quality, windowBits);
    private int used;
    private int length;

    public void Advance(int count) => used += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Free(sizeHint);
        return piece.AsMemory(used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Free(sizeHint);
        return piece.AsSpan(used);
    }

    /// <summary>The form's octet and all that was compressed.</summary>
    public byte[] Finish()
    {
        Compress(isFinal: true);
        var all = GC.AllocateUninitializedArray<byte>(length + 1);
        all[0] = form;
        compressed.GetSpan()[..length].CopyTo(all.AsSpan(1));
        return all;
    }

    public void Dispose()
    {
        ((IDisposable)compressed).Dispose();
        encoder.Dispose();
        ArrayPool<byte>.Shared.Return(piece);
        piece = [];
    }

    private void Free(int least)
    {
        least = Math.Max(1, least);
        if (piece.Length - used >= least)
        {
            return;
        }

        Compress(isFinal: false);
        if (piece.Length < least)
        {
            ArrayPool<byte>.Shared.Return(piece);
            piece = ArrayPool<byte>.Shared.Rent(least);
        }
    }

    private void Compress(bool isFinal)
    {
        var rest = piece.AsSpan(0, used);
        var status = OperationStatus.DestinationTooSmall;
        while (!rest.IsEmpty || (isFinal && status != OperationStatus.Done))
        {
            status = encoder.Compress(rest, compressed.GetSpan()[length..], out var consumed, out var written, isFinal);
            rest = rest[consumed..];
            length += written;
            if (status == OperationStatus.DestinationTooSmall && written == 0 && consumed == 0)
            {
                throw new InvalidDataException($"content comes to more than {mostOctets} octets");
            }
        }

        used = 0;
    }
}
