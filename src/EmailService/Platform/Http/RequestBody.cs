using System.Buffers;
using System.IO.Compression;

namespace EmailService.Platform.Http;

/// <summary>Why a body could not be read.</summary>
public enum BodyProblem
{
    None,
    TooLarge,

    /// <summary>A Content-Encoding other than gzip.</summary>
    UnknownEncoding,

    /// <summary>Said to be gzip, and is not.</summary>
    BadEncoding,

    /// <summary>Too much is being read at once.</summary>
    NoRoom,
}

/// <summary>The whole body of a request in one pooled buffer. Dispose it when nothing points into it any more, and nothing that was made of
/// it is to be counted.</summary>
public sealed class RequestBody : IDisposable
{
    private const int FirstRent = 16 * 1024;

    /// <summary>What is rented at most on a caller's word: the rest when it has come.</summary>
    private const int MostRentUnseen = 1024 * 1024;

    private readonly OctetRoom? room;
    private byte[] buffer = [];
    private int length;
    private int taken;

    private RequestBody(OctetRoom? room) => this.room = room;

    public BodyProblem Problem { get; private set; }

    public ReadOnlyMemory<byte> Memory => buffer.AsMemory(0, length);

    /// <summary>Reads at most <paramref name="most"/> octets, counted after inflating if the body is gzip, and never holds more than
    /// a little over that.</summary>
    /// <param name="room">Where what is held counts until the body is disposed of; null if it counts nowhere.</param>
    public static async ValueTask<RequestBody> ReadAsync(HttpRequest request, int most, CancellationToken cancellation, OctetRoom? room = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        var body = new RequestBody(room);
        try
        {
            await body.FillAsync(request, most, cancellation);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ReturnBuffer();
        room?.Give(taken);
        taken = 0;
    }

    /// <summary>Nothing points into it any more; what was made of it is still held, and counts.</summary>
    public void ReturnBuffer()
    {
        var rented = buffer;
        buffer = [];
        length = 0;
        if (rented.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private async ValueTask FillAsync(HttpRequest request, int most, CancellationToken cancellation)
    {
        // Said to be too large: refused before it is sent, if the caller waits for 100 Continue. RFC 9110 §10.1.1
        if (request.ContentLength > most)
        {
            Problem = BodyProblem.TooLarge;
            return;
        }

        var encoding = request.Headers.ContentEncoding.ToString();
        if (encoding.Length == 0 || encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            // One more than said, so that the end is seen without growing.
            await FillAsync(request.Body, (int)Math.Min(request.ContentLength ?? FirstRent, MostRentUnseen) + 1, most, cancellation);
        }
        else if (encoding.Equals("gzip", StringComparison.OrdinalIgnoreCase))
        {
            await InflateAsync(request, most, cancellation);
        }
        else
        {
            Problem = BodyProblem.UnknownEncoding;
        }
    }

    private async ValueTask InflateAsync(HttpRequest request, int most, CancellationToken cancellation)
    {
        try
        {
            await using var inflated = new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true);
            await FillAsync(inflated, FirstRent, most, cancellation);
        }
        catch (InvalidDataException)
        {
            Problem = BodyProblem.BadEncoding;
        }
    }

    private async ValueTask FillAsync(Stream from, int first, int most, CancellationToken cancellation)
    {
        while (true)
        {
            if (length == buffer.Length && !TryGrow(Math.Max(first, length + 1)))
            {
                Problem = BodyProblem.NoRoom;
                return;
            }

            var read = await from.ReadAsync(buffer.AsMemory(length), cancellation);
            if (read == 0)
            {
                return;
            }

            length += read;
            if (length > most)
            {
                Problem = BodyProblem.TooLarge;
                return;
            }
        }
    }

    private bool TryGrow(int least)
    {
        // The pool rounds up to a power of two, so the cost of growing stays linear.
        var larger = ArrayPool<byte>.Shared.Rent(least);
        if (room?.TryTake(larger.Length - taken) == false)
        {
            ArrayPool<byte>.Shared.Return(larger);
            return false;
        }

        taken = larger.Length;
        buffer.AsSpan(0, length).CopyTo(larger);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        buffer = larger;
        return true;
    }
}
