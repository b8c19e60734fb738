using System.Threading.Channels;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Accept;

/// <summary>Takes responsibility for requests, many in one transaction (group commit): while one
/// transaction is being flushed, the requests that arrive gather for the next.
/// <para>A request's task ends after the commit that stores all of it, or with the reason why nothing of it is
/// known to be stored. 202 follows the commit; design, contract 1.</para></summary>
public sealed partial class AcceptWorker(
    IAcceptStore store, Hand hand, INode node, StoreHealth health, EventSignal events, AcceptOptions options, OutboxOptions outbox,
    AcceptMetrics metrics, TimeProvider time, ILogger<AcceptWorker> logger) : BackgroundService
{
    /// <summary>So long after it came a request is answered, also by a database that hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>With less left than this, nothing is begun that would have to be broken off.</summary>
    private static readonly TimeSpan ShortestCommit = TimeSpan.FromSeconds(1);

    private readonly Channel<AcceptEntry> waiting = Channel.CreateBounded<AcceptEntry>(options.WaitingRequests);

    /// <summary>Stores a request. Not cancelled by the caller's going away once it waits: its rows may be under way.</summary>
    public Task<AcceptResult> AcceptAsync(int accountId, SendRequest request, IdempotencyKey? key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (ExecuteTask is null)
        {
            return Task.FromResult<AcceptResult>(new AcceptResult.Unavailable("this process takes no requests: it has not the role api, or has not started"));
        }

        var entry = AcceptEntry.Of(accountId, request, key, time.GetUtcNow(), outbox.Expiry);
        if (!waiting.Writer.TryWrite(entry))
        {
            metrics.Refused.Add(1);
            entry.Complete(new AcceptResult.Unavailable("too many requests are waiting to be stored; try again in a few seconds"));
        }

        return entry.Done;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, options.Batchers).Select(_ => Background.Run(RunBatcherAsync)));

    /// <summary>Stops taking requests in, then waits until those that wait are stored.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        waiting.Writer.TryComplete();
        await (ExecuteTask?.WaitAsync(cancellationToken) ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.StopAsync(cancellationToken);
    }

    // The end of the channel ends it, not a token: what waits was not answered yet.
    private async Task RunBatcherAsync()
    {
        while (await waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            // A list of its own each time: a transaction that is left alone may go on, and stores what is in it.
            var batch = new List<AcceptEntry>();
            var octets = 0;
            while (batch.Count < options.BatchRequests && octets < options.BatchOctets && waiting.Reader.TryRead(out var entry))
            {
                if (!IsTooLate(entry))
                {
                    batch.Add(entry);
                    octets += entry.StoredOctets;
                }
            }

            if (batch.Count > 0)
            {
                await CommitAsync(batch);
            }
        }
    }

    /// <summary>It has waited so long for a database that hangs that it is answered, and not begun any more.</summary>
    private bool IsTooLate(AcceptEntry entry)
    {
        if (entry.Age <= Patience - ShortestCommit)
        {
            return false;
        }

        metrics.Refused.Add(1);
        entry.Complete(new AcceptResult.Unavailable("the database does not answer; nothing was stored. Try again in a few seconds"));
        return true;
    }

    private async Task CommitAsync(IReadOnlyList<AcceptEntry> batch)
    {
        // 1. Room in the hand, so that what is accepted here is delivered from here without a read.
        var now = time.GetUtcNow();
        var leased = new LeaseStart(node.Era, now);
        foreach (var message in batch.SelectMany(e => e.Messages))
        {
            message.Handed = message.DueAt <= now && node.IsAlive && hand.TryReserve(message.Recipients, message.Message.Weight);
        }

        // 2. One transaction. No token: the answer depends on it. A database that hangs is left alone after a while, as a connection that was
        // lost is: the driver, asked to break off, would first wait for the server to say that it did.
        var left = Patience - batch.Max(e => e.Age);
        try
        {
            await store.CommitAsync(batch, node.NodeId, now, now + outbox.LeaseDuration, options.IdempotencyPeriod, CancellationToken.None)
                .WaitAsync(left > ShortestCommit ? left : ShortestCommit);
            health.ReportSuccess();
        }
        catch (Exception refused) when (batch.Count > 1 && IsRefusal(refused))
        {
            // Something in it can't be stored, and all was rolled back; one by one, only the culprit fails. A database that hangs by now keeps the
            // first of them waiting, and those behind it no longer than that.
            LogRefusedBatch(refused, batch.Count);
            Unreserve(batch);
            foreach (var entry in batch)
            {
                if (!IsTooLate(entry))
                {
                    await CommitAsync([entry]);
                }
            }

            return;
        }
        catch (Exception exception)
        {
            // Whatever it was: a batcher that ended here would leave every later request without an answer.
            LogNotStored(exception, batch.Count);
            if (StoreHealth.IsStoreAtFault(exception))
            {
                health.ReportFailure(exception);
            }

            Unreserve(batch);
            Fail(batch, exception);
            return;
        }

        // 3. Answer, then deliver.
        metrics.Batches.Add(1);
        foreach (var entry in batch)
        {
            var stored = entry.Result is AcceptResult.Accepted { Repeated: false };
            metrics.Requests.Add(1, new KeyValuePair<string, object?>("result", stored ? "accepted" : "repeated"));
            if (stored)
            {
                HandOver(entry, leased);
            }
            else
            {
                Unreserve([entry]);
            }

            entry.Complete();
        }

        events.Raise();
    }

    /// <summary>It is about what is in the request, not about the store: text that is no Unicode fails before it is sent.</summary>
    private static bool IsRefusal(Exception exception) => !StoreHealth.IsStoreAtFault(exception)
        && exception is PostgresException { IsTransient: false } or ArgumentException or InvalidCastException;

    private void HandOver(AcceptEntry entry, LeaseStart leased)
    {
        foreach (var message in entry.Messages.Where(m => m.Handed))
        {
            var open = message.Recipients;
            if (message.Suppressed.Count > 0)
            {
                open = [.. open.Where(r => !message.Suppressed.Contains(r.Id.N))];
                hand.Unreserve([.. message.Recipients.Except(open)], open.Count == 0 ? message.Message.Weight : 0);
            }

            if (open.Count > 0)
            {
                hand.HandOver(new HandedMessage(message.Message, open, leased));
            }
        }

        metrics.Recipients.Add(entry.Messages.Sum(m => m.Recipients.Count));
        metrics.Suppressed.Add(entry.Messages.Sum(m => m.Suppressed.Count));
    }

    private void Unreserve(IReadOnlyList<AcceptEntry> batch)
    {
        foreach (var message in batch.SelectMany(e => e.Messages).Where(m => m.Handed))
        {
            hand.Unreserve(message.Recipients, message.Message.Weight);
            message.Handed = false;
        }
    }

    private static void Fail(IReadOnlyList<AcceptEntry> batch, Exception exception)
    {
        // A server that refused this one request for what is in it is a fault of ours, and is said as such;
        // all else is a store that can't be reached.
        var reason = IsRefusal(exception) && exception is PostgresException refused
            ? $"the database refused the request (SQLSTATE {refused.SqlState}); nothing was stored"
            : IsRefusal(exception) ? "the request holds something that can't be stored, such as half a character; nothing was stored"
            : "the database can't be reached; nothing is known to be stored. Try again, with the same Idempotency-Key if you gave one";
        foreach (var entry in batch)
        {
            entry.Complete(new AcceptResult.Unavailable(reason));
        }
    }

    [LoggerMessage(1001, LogLevel.Warning, "A transaction of {Count} requests was refused; trying them one by one")]
    private partial void LogRefusedBatch(Exception exception, int count);

    [LoggerMessage(1002, LogLevel.Error, "{Count} requests could not be stored and were answered 503")]
    private partial void LogNotStored(Exception exception, int count);
}
