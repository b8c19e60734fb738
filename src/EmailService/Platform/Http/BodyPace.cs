namespace EmailService.Platform.Http;

/// <summary>How long a body may take: a grace, and then as long as its content comes at the least rate, and never longer than the whole deadline. What
/// came faster buys no more than the grace again, so that a body which stops ends soon, however much of it is held. Only content counts: chunks, blocks
/// of gzip or members of it that hold nothing are no progress.</summary>
/// <remarks>A timer runs only while nothing is there to be read, so a body that came with its head costs none.</remarks>
internal sealed class BodyPace : IDisposable
{
    public static readonly TimeSpan DefaultLongest = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>The rule in words, for a caller.</summary>
    public const string Rule = "Its content must come at 16 kB a second at least, and never stop for 10 seconds; nothing was stored. Try again over a faster line, or with a smaller request.";

    /// <summary>Octets a second.</summary>
    private const int LeastRate = 16 * 1024;

    private readonly TimeProvider time;
    private readonly TimeSpan longest;
    private readonly long startedAt;
    private readonly CancellationTokenSource over;
    private ITimer? timer;
    private volatile bool expired;
    private TimeSpan allowed = Grace;

    public BodyPace(TimeProvider time, TimeSpan longest, CancellationToken aborted)
    {
        (this.time, this.longest, startedAt) = (time, longest, time.GetTimestamp());
        over = CancellationTokenSource.CreateLinkedTokenSource(aborted);
    }

    /// <summary>Is cancelled when the time is over or the caller is gone.</summary>
    public CancellationToken Token => over.Token;

    public bool IsOver => expired || Rest <= TimeSpan.Zero;

    private TimeSpan Rest => (allowed < longest ? allowed : longest) - time.GetElapsedTime(startedAt);

    /// <summary>So many octets of content came.</summary>
    public void Progress(int octets)
    {
        var (bought, most) = (allowed + TimeSpan.FromSeconds((double)octets / LeastRate), time.GetElapsedTime(startedAt) + Grace);
        allowed = bought < most ? bought : most;
    }

    /// <summary>From now until <see cref="Came"/> the time runs.</summary>
    public void Await()
    {
        var rest = Rest;
        if (rest <= TimeSpan.Zero)
        {
            Expire();
        }
        else if (timer is null)
        {
            timer = time.CreateTimer(static pace => ((BodyPace)pace!).Expire(), this, rest, Timeout.InfiniteTimeSpan);
        }
        else
        {
            timer.Change(rest, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Something came; the time does not run.</summary>
    public void Came() => timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        timer?.Dispose();
        over.Dispose();
    }

    private void Expire()
    {
        expired = true;
        try
        {
            over.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The body came while the timer fired. On a thread of the pool, this would end the process.
        }
    }
}

/// <summary>The octets of a compressed body as they came, counted: however little they inflate to, they end.</summary>
internal sealed class CompressedBody(Stream from, BodyPace pace, int most) : Stream
{
    private long read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>More came than any body of the largest size is compressed to.</summary>
    public bool IsTooLarge => read > MostOf(most);

    /// <summary>What so many octets are compressed to at most: what does not compress grows by an eighth in the clumsiest encoder.</summary>
    public static long MostOf(int most) => most + (most / 8) + 1024L;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // What is always there to be read never waits, so its time is looked at here.
        if (pace.IsOver || IsTooLarge)
        {
            throw new OperationCanceledException();
        }

        var reading = from.ReadAsync(buffer, cancellationToken);
        if (!reading.IsCompleted)
        {
            pace.Await();
        }

        var count = await reading;
        pace.Came();
        read += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
