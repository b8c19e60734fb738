using System.Threading.Channels;

namespace EmailService.Deliver;

/// <summary>What a lane knows about its site.</summary>
public enum SiteState
{
    /// <summary>It answered for the last message that was tried there.</summary>
    Answers,

    /// <summary>Nothing yet.</summary>
    New,

    /// <summary>It gave no session the last time.</summary>
    Silent,
}

/// <summary>The connections of this process. A dead site holds each until its time is over, so lanes share them by what is known of their
/// sites: silent ones have half of all, together with new ones they have three quarters, and the last quarter is for sites that answer.</summary>
public sealed class ConnectionLimit(int most) : IDisposable
{
    // By SiteState: a connection for a site takes one from its own part and from every larger one.
    private readonly Slots[] parts = [new(most), new(Math.Max(1, most * 3 / 4)), new(Math.Max(1, most / 2))];
    private CancellationTokenSource wanted = new();
    private int wanting;

    /// <summary>Somebody waits because all are taken: whoever has one without work is to give it back at once.</summary>
    public bool IsWanted => Volatile.Read(ref wanting) > 0;

    /// <summary>Is cancelled when the next one begins to wait because all are taken.</summary>
    public CancellationToken Wanted => Volatile.Read(ref wanted).Token;

    /// <summary>Waits for a connection.</summary>
    public async Task<ConnectionPermit> TakeAsync(SiteState site, CancellationToken cancellation)
    {
        var permit = new ConnectionPermit();
        try
        {
            for (var part = (int)site; part > 0; part--)
            {
                await parts[part].TakeAsync(cancellation);
                permit.Add(parts[part]);
            }

            await TakeOfAllAsync(cancellation);
            permit.Add(parts[0]);
            return permit;
        }
        catch
        {
            permit.Dispose();
            throw;
        }
    }

    private async Task TakeOfAllAsync(CancellationToken cancellation)
    {
        var taking = parts[0].TakeAsync(cancellation);
        if (taking.IsCompletedSuccessfully)
        {
            return;
        }

        Interlocked.Increment(ref wanting);
        try
        {
            Interlocked.Exchange(ref wanted, new()).Cancel();
            await taking;
        }
        finally
        {
            Interlocked.Decrement(ref wanting);
        }
    }

    public void Dispose() => wanted.Dispose();
}

/// <summary>The right to one connection, until it is disposed of. One thread at a time.</summary>
public sealed class ConnectionPermit : IDisposable
{
    private readonly Stack<Slots> taken = new(3);

    internal void Add(Slots part) => taken.Push(part);

    /// <summary>The site answers: what it took from the parts of silent and new sites is free for others.</summary>
    public void SiteAnswers()
    {
        if (taken.Count > 1)
        {
            var all = taken.Pop();
            Dispose();
            taken.Push(all);
        }
    }

    public void Dispose()
    {
        while (taken.TryPop(out var part))
        {
            part.Release();
        }
    }
}

/// <summary>A number of places, given in the order of asking. Not a semaphore: one that is waited for under a token resumes its waiter by way of
/// the thread pool, whatever scheduler the waiter is on, and the simulator has only one thread.</summary>
internal sealed class Slots
{
    private readonly Channel<byte> free = Channel.CreateUnbounded<byte>();

    public Slots(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Release();
        }
    }

    public ValueTask<byte> TakeAsync(CancellationToken cancellation) => free.Reader.ReadAsync(cancellation);

    public void Release() => free.Writer.TryWrite(0);
}
