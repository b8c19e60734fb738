using System.Threading.Channels;
using EmailService.Outbox;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Record;

/// <summary>The only door through which an outcome becomes a fact. Outcomes of many workers share a
/// transaction: those that arrive while one is being flushed make the next.
/// <para>An outcome is never dropped. While the store fails, it is tried again until it is stored, and the
/// gate (<see cref="StoreHealth"/>) keeps new attempts from starting: design, contract 6.</para></summary>
public sealed partial class Ledger(
    ILedgerStore store, Hand hand, StoreHealth health, EventSignal events, TlsTally tally, RecordOptions options, RecordMetrics metrics, TimeProvider time,
    OutcomeLog log, ILogger<Ledger> logger) : BackgroundService
{
    private readonly Channel<Pending> waiting = Channel.CreateUnbounded<Pending>();

    private sealed record Pending(Settlement Settlement, TaskCompletionSource Done);

    /// <summary>Ends when the outcome is committed. Takes no token: the host has answered, and an answer that
    /// we forget is a second copy in somebody's inbox.</summary>
    public Task SettleAsync(Settlement settlement)
    {
        var pending = new Pending(settlement, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        // Before the outcome can be seen: a session counts whatever becomes of its outcome.
        tally.Count(settlement.Steps);
        if (!waiting.Writer.TryWrite(pending))
        {
            // Only after our stop, which waits for the workers first. The lease brings the work back.
            LogTooLate(settlement.Recipient.ToString());
            pending.Done.TrySetResult();
        }

        return pending.Done.Task;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, options.Batchers).Select(_ => Background.Run(RunBatcherAsync)));

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        waiting.Writer.TryComplete();
        await (ExecuteTask?.WaitAsync(cancellationToken) ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.StopAsync(cancellationToken);
    }

    private async Task RunBatcherAsync()
    {
        var batch = new List<Pending>();
        while (await waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (batch.Count < options.BatchRecipients && waiting.Reader.TryRead(out var pending))
            {
                batch.Add(pending);
            }

            if (batch.Count > 0)
            {
                await StoreAsync(batch);
                batch.Clear();
            }
        }
    }

    private async Task StoreAsync(IReadOnlyList<Pending> batch)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                var stored = await store.SettleAsync([.. batch.Select(p => p.Settlement)], CancellationToken.None);
                if (failures > 0)
                {
                    health.ReportSuccess();
                }
                else if (stored < batch.Count)
                {
                    // Not after a failure: then the first run may have stored them and lost its answer.
                    LogLostLeases(batch.Count - stored);
                    metrics.LostLeases.Add(batch.Count - stored);
                }

                break;
            }
            catch (Exception refused) when (IsRefusal(refused) && batch.Count > 1)
            {
                LogRefusedBatch(refused, batch.Count);
                foreach (var pending in batch)
                {
                    await StoreAsync([pending]);
                }

                return;
            }
            catch (Exception refused) when (IsRefusal(refused) && batch[0].Settlement is { Steps.Count: > 0 } or { DetailJson: not null })
            {
                // The fact matters more than its story: rather without transcript and detail than not at all.
                LogRefused(refused, batch[0].Settlement.Recipient.ToString());
                batch = [batch[0] with { Settlement = batch[0].Settlement with { Steps = [], DetailJson = null, Reply = null, SuppressAs = null } }];
            }
            catch (Exception exception)
            {
                health.ReportFailure(exception);
                LogNotStored(exception, batch.Count, failures + 1);
                await Task.Delay(Backoff(failures), time, CancellationToken.None);
            }
        }

        foreach (var pending in batch)
        {
            metrics.Outcomes.Add(1, new KeyValuePair<string, object?>("event", Messages.Names.ToName(pending.Settlement.Event)));
            log.Write(pending.Settlement);
            hand.LetGo(pending.Settlement.Recipient, pending.Settlement.Attempt);
            pending.Done.TrySetResult();
        }

        events.Raise();
    }

    /// <summary>It is about what is to be stored, by the server's word or the driver's, not about the store.</summary>
    private static bool IsRefusal(Exception exception) => !StoreHealth.IsStoreAtFault(exception)
        && exception is PostgresException { IsTransient: false } or ArgumentException or InvalidCastException;

    private static TimeSpan Backoff(int failures) =>
        TimeSpan.FromMilliseconds(Math.Min(100 * Math.Pow(2, Math.Min(failures, 10)), 5000));

    [LoggerMessage(4001, LogLevel.Error, "The outcome of {Recipient} came after the ledger was closed; its lease will bring it back")]
    private partial void LogTooLate(string recipient);

    [LoggerMessage(4002, LogLevel.Warning, "{Count} outcomes were not ours to store any more: their lease had ended")]
    private partial void LogLostLeases(int count);

    [LoggerMessage(4003, LogLevel.Warning, "A transaction of {Count} outcomes was refused; storing them one by one")]
    private partial void LogRefusedBatch(Exception exception, int count);

    [LoggerMessage(4004, LogLevel.Error, "The outcome of {Recipient} was refused as it is; storing it without transcript and detail")]
    private partial void LogRefused(Exception exception, string recipient);

    [LoggerMessage(4005, LogLevel.Error, "{Count} outcomes could not be stored (try {Try}); no new attempt starts until they are")]
    private partial void LogNotStored(Exception exception, int count, int @try);
}
