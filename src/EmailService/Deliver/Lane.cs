using System.Threading.Channels;
using EmailService.Messages;
using EmailService.Smtp;

namespace EmailService.Deliver;

/// <summary>What waits in memory for one set of mail hosts, and the workers that carry it there.
/// <para>A worker is one connection: it starts when work waits and none is idle, up to the lane's limit, and ends
/// when it had no work for a while. A lane whose hosts give no session several times running rests: what it
/// holds goes back to the table, due when the rest is over.</para></summary>
public sealed class Lane(string key, LaneContext context)
{
    private readonly Channel<Work> ready = Channel.CreateUnbounded<Work>();
    private readonly Lock gate = new();
    private int workers;
    private int idle;
    private int failures;
    private DateTimeOffset restsUntil = DateTimeOffset.MinValue;

    public string Key => key;

    /// <summary>Recipients that wait in memory; those in a worker's hands are not among them.</summary>
    public int Waiting => ready.Reader.Count;

    public int Workers => Volatile.Read(ref workers);

    /// <summary>The end of the rest, or null while the lane is served.</summary>
    public DateTimeOffset? RestsUntil
    {
        get
        {
            lock (gate)
            {
                return restsUntil > context.Time.GetUtcNow() ? restsUntil : null;
            }
        }
    }

    /// <summary>Nobody would miss it.</summary>
    public bool IsForgettable => Workers == 0 && Waiting == 0 && RestsUntil is null;

    public void Enqueue(Work work)
    {
        ready.Writer.TryWrite(work);
        lock (gate)
        {
            // An idle worker takes one, and whoever it takes may hold it for long: more than that needs more workers.
            if (Waiting <= idle || workers >= context.Options.ConnectionsPerLane)
            {
                return;
            }

            workers++;
        }

        context.Track(Task.Run(RunWorkerAsync));
    }

    /// <summary>All that waits, taken out; for a stop.</summary>
    public IEnumerable<Work> TakeAll()
    {
        while (ready.Reader.TryRead(out var work))
        {
            yield return work;
        }
    }

    private async Task RunWorkerAsync()
    {
        try
        {
            await context.TakeConnectionAsync();
        }
        catch (OperationCanceledException)
        {
            lock (gate)
            {
                workers--;
            }

            return;
        }

        try
        {
            await using var connection = context.NewConnection();
            while (await NextAsync(connection) is { } work)
            {
                await CarryAsync(work, connection);
            }
        }
        finally
        {
            context.ReleaseConnection();
        }
    }

    /// <summary>The next recipient; null when this worker has ended.</summary>
    private async Task<Work?> NextAsync(LaneConnection connection)
    {
        while (!context.Stopping.IsCancellationRequested)
        {
            if (ready.Reader.TryRead(out var work))
            {
                return work;
            }

            lock (gate)
            {
                idle++;
            }

            var more = false;
            try
            {
                // Not a timer that calls Cancel: one that fires while we dispose would throw on a thread of the pool, and end the process.
                using var idled = new CancellationTokenSource(
                    context.IsConnectionWanted ? TimeSpan.Zero : context.Options.IdleTimeout, context.Time);
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.Stopping, idled.Token);
                more = await ready.Reader.WaitToReadAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                await connection.CloseAsync();
            }

            // Work that is written from here on finds this worker gone, or is seen by it: both under the gate.
            lock (gate)
            {
                idle--;
                if (!more && (Waiting == 0 || context.Stopping.IsCancellationRequested))
                {
                    workers--;
                    return null;
                }
            }
        }

        lock (gate)
        {
            workers--;
            return null;
        }
    }

    private async Task CarryAsync(Work work, LaneConnection connection)
    {
        if (RestsUntil is { } until)
        {
            await context.RestAsync(work, until);
            return;
        }

        try
        {
            // Nothing new may start while outcomes can't be stored, or while others may have taken what we hold.
            await context.WaitUntilAllowedAsync();
            if (!await context.StillHoldsAsync(work))
            {
                return;
            }

            // A host that takes its time with every line must not outlast the lease: another node would deliver beside us.
            using var limit = new CancellationTokenSource(context.AttemptLimit, context.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(context.Aborting, limit.Token);
            Observe(await context.Deliverer.DeliverAsync(work, connection, either.Token));
            work.InHand.LetGo();
        }
        catch (OperationCanceledException) when (context.Stopping.IsCancellationRequested)
        {
            context.Return(work);
        }
        catch (Exception exception)
        {
            // A bug, or the memory is full: it ends this unit of work, not the process.
            await context.FailedAsync(work, exception);
            await connection.CloseAsync();
        }
    }

    private void Observe(Outcome outcome)
    {
        lock (gate)
        {
            if (outcome is not { Disposition: Disposition.Deferred, Scope: FailureScope.Lane, Stage: <= SmtpStage.Hello })
            {
                failures = 0;
                return;
            }

            failures++;
            var beyond = failures - context.Options.FailuresBeforeRest;
            if (beyond >= 0)
            {
                var rest = Math.Min(
                    context.Options.FirstRest.TotalSeconds * Math.Pow(2, Math.Min(beyond / Math.Max(1, workers), 30)),
                    context.Options.LongestRest.TotalSeconds);
                restsUntil = context.Time.GetUtcNow() + TimeSpan.FromSeconds(rest);
            }
        }
    }
}
