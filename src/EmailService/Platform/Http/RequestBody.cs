using System.Buffers;
using System.IO.Compression;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

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

    /// <summary>It came more slowly than <see cref="BodyPace"/> allows.</summary>
    TooSlow,

    /// <summary>JSON is expected, and the Content-Type says something else.</summary>
    NotJson,
}

/// <summary>The whole body of a request in one buffer: a pooled one while it is small, memory of its own beyond that. Dispose it when
/// nothing points into it any more, and nothing that was made of it is to be counted.</summary>
public sealed class RequestBody : IDisposable
{
    /// <summary>What has more octets is a large body.</summary>
    public const int MostOfSmall = 64 * 1024;

    private const int FirstRent = 16 * 1024;
    private const int Step = 1024 * 1024;

    private readonly RequestRoom? room;
    private readonly int account;
    private byte[] pooled = [];
    private NativeOctets? native;
    private bool isLarge;
    private int capacity;
    private int length;
    private int taken;

    private RequestBody(RequestRoom? room, int account) => (this.room, this.account) = (room, account);

    public BodyProblem Problem { get; private set; }

    /// <summary>It has more than <see cref="MostOfSmall"/> octets, or said so.</summary>
    public bool IsLarge => isLarge;

    public ReadOnlyMemory<byte> Memory => Buffer[..length];

    private Memory<byte> Buffer => native?.Memory ?? pooled;

    /// <summary>The same for a body that is JSON. One rule for all endpoints: a Content-Type that says something else is refused before anything is read,
    /// among them the three that a page of another site can make a browser send unasked. A missing one is taken for JSON: some clients say nothing.</summary>
    public static ValueTask<RequestBody> ReadJsonAsync(
        HttpRequest request, int most, CancellationToken cancellation, RequestRoom? room = null, int account = 0)
    {
        ArgumentNullException.ThrowIfNull(request);
        return IsJson(request.ContentType)
            ? ReadAsync(request, most, cancellation, room, account)
            : ValueTask.FromResult(new RequestBody(room, account) { Problem = BodyProblem.NotJson });
    }

    /// <summary>Whether a Content-Type is JSON, is of a type that is written as JSON (RFC 6839 §3.1), or is missing.</summary>
    internal static bool IsJson(string? contentType)
    {
        if (string.IsNullOrWhiteSpace(contentType))
        {
            return true;
        }

        var semicolon = contentType.IndexOf(';', StringComparison.Ordinal);
        var type = (semicolon < 0 ? contentType.AsSpan() : contentType.AsSpan(0, semicolon)).Trim();
        return type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || (type.StartsWith("application/", StringComparison.OrdinalIgnoreCase) && type.EndsWith("+json", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Reads at most <paramref name="most"/> octets, counted after inflating if the body is gzip, and never holds more than
    /// a little over that. Ends when it comes too slowly.</summary>
    /// <param name="room">Where what is held counts until the body is disposed of; null if it counts nowhere.</param>
    /// <param name="account">Whose it is.</param>
    public static async ValueTask<RequestBody> ReadAsync(
        HttpRequest request, int most, CancellationToken cancellation, RequestRoom? room = null, int account = 0)
    {
        ArgumentNullException.ThrowIfNull(request);
        var body = new RequestBody(room, account);
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
        GiveRoom();
    }

    /// <summary>Nothing points into it any more; what was made of it is still held, and counts.</summary>
    public void ReturnBuffer()
    {
        (capacity, length) = (0, 0);
        ReturnPooled();
        ((IDisposable?)native)?.Dispose();
    }

    private async ValueTask FillAsync(HttpRequest request, int most, CancellationToken cancellation)
    {
        // Said to be too large: refused before it is sent, if the caller waits for 100 Continue. RFC 9110 §10.1.1
        var encoding = request.Headers.ContentEncoding.ToString();
        var isPlain = encoding.Length == 0 || encoding.Equals("identity", StringComparison.OrdinalIgnoreCase);
        if (request.ContentLength > (isPlain ? most : CompressedBody.MostOf(most)))
        {
            Problem = BodyProblem.TooLarge;
            return;
        }

        // What says its length has room for all of it before it is read, so that none is given up half read for want of room. One more than
        // said, so that the end is seen without growing.
        var said = isPlain ? (int)(request.ContentLength ?? FirstRent - 1) + 1 : FirstRent;
        if (said > MostOfSmall)
        {
            if (room is not null && !await room.Large.WaitAsync(account, said, RequestRoom.Patience, cancellation))
            {
                Problem = BodyProblem.NoRoom;
                return;
            }

            BecomeLarge(said, most);
        }

        // The pace takes over from the server's own rate, which would end a small body sooner than callers are told, in words about its settings.
        if (request.HttpContext.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } servers)
        {
            servers.MinDataRate = null;
        }

        using var pace = new BodyPace(
            request.HttpContext.RequestServices.GetRequiredService<TimeProvider>(), room?.Longest ?? BodyPace.DefaultLongest, cancellation);
        try
        {
            if (isPlain)
            {
                await FillAsync(request.Body, said, most, pace);
            }
            else if (encoding.Equals("gzip", StringComparison.OrdinalIgnoreCase))
            {
                await InflateAsync(request, most, pace);
            }
            else
            {
                Problem = BodyProblem.UnknownEncoding;
            }
        }
        catch (OperationCanceledException) when (pace.IsOver && !cancellation.IsCancellationRequested)
        {
            Problem = BodyProblem.TooSlow;
        }
    }

    private async ValueTask InflateAsync(HttpRequest request, int most, BodyPace pace)
    {
        await using var compressed = new CompressedBody(request.Body, pace, most);
        try
        {
            await using var inflated = new GZipStream(compressed, CompressionMode.Decompress, leaveOpen: true);
            await FillAsync(inflated, FirstRent, most, pace);
        }
        catch (InvalidDataException)
        {
            Problem = BodyProblem.BadEncoding;
        }
        catch (OperationCanceledException) when (compressed.IsTooLarge)
        {
            Problem = BodyProblem.TooLarge;
        }
    }

    private async ValueTask FillAsync(Stream from, int first, int most, BodyPace pace)
    {
        while (true)
        {
            if (length == capacity && !TryGrow(first, most))
            {
                Problem = BodyProblem.NoRoom;
                return;
            }

            var reading = from.ReadAsync(Buffer[length..capacity], pace.Token);
            if (!reading.IsCompleted)
            {
                pace.Await();
            }

            var read = await reading;
            pace.Came();
            if (read == 0)
            {
                return;
            }

            length += read;
            pace.Progress(read);
            if (length > most)
            {
                Problem = BodyProblem.TooLarge;
                return;
            }
        }
    }

    private bool TryGrow(int first, int most)
    {
        var least = Math.Max(first, length + 1);
        return least > MostOfSmall ? TryGrowLarge(least, most) : TryGrowSmall(least);
    }

    private bool TryGrowSmall(int least)
    {
        // The pool rounds up to a power of two, so the cost of growing stays linear.
        var larger = ArrayPool<byte>.Shared.Rent(least);
        if (room?.Small.TryTake(account, larger.Length - taken) == false)
        {
            ArrayPool<byte>.Shared.Return(larger);
            return false;
        }

        taken = larger.Length;
        pooled.AsSpan(0, length).CopyTo(larger);
        ReturnPooled();
        (pooled, capacity) = (larger, larger.Length);
        return true;
    }

    private bool TryGrowLarge(int least, int most)
    {
        var wanted = Math.Min(Math.Max(least, capacity + Math.Clamp(length, MostOfSmall, Step)), most + 1);
        if (room?.Large.TryTake(account, isLarge ? wanted - taken : wanted) == false)
        {
            return false;
        }

        if (isLarge)
        {
            (capacity, taken) = (wanted, wanted);
        }
        else
        {
            BecomeLarge(wanted, most);
        }

        return true;
    }

    /// <summary>From the pooled buffer into memory of its own, whose room was taken.</summary>
    private void BecomeLarge(int octets, int most)
    {
        GiveRoom();
        (isLarge, taken) = (true, octets);
        native = NativeOctets.Reserve(most + 1);
        pooled.AsSpan(0, length).CopyTo(native.GetSpan());
        ReturnPooled();
        capacity = octets;
    }

    private void ReturnPooled()
    {
        var rented = pooled;
        pooled = [];
        if (rented.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private void GiveRoom()
    {
        if (taken > 0 && isLarge)
        {
            room?.Large.Give(account, taken);
        }
        else if (taken > 0)
        {
            room?.Small.Give(account, taken);
        }

        taken = 0;
    }
}
