using EmailService.Messages;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Record;

/// <summary>Counts sessions for the reports about TLS: in memory, and every ten seconds into the table, so that no mail waits for it. What a crash loses is
/// the counts of those seconds; a batch whose commit lost its answer is counted twice. Nobody's mail depends on either.</summary>
public sealed partial class TlsTally(TlsTallyStore store, RecordMetrics metrics, TimeProvider time, ILogger<TlsTally> logger) : BackgroundService
{
    /// <summary>Different sessions that are held at most; what is new above that is not counted, and a metric says so.</summary>
    private const int MostKinds = 20_000;

    private const int BatchRows = 1000;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly SemaphoreSlim flushing = new(1, 1);
    private Dictionary<(DateOnly Day, TlsSession Session), long> counts = [];

    /// <summary>The sessions among some tries.</summary>
    public void Count(IReadOnlyList<AttemptStep> steps)
    {
        foreach (var step in steps)
        {
            if (step.TlsSession is { } session)
            {
                Add((DateOnly.FromDateTime(step.StartedAt.UtcDateTime), session), 1);
            }
        }
    }

    /// <summary>Stores what has been counted so far. What can't be stored stays for the next time.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        await flushing.WaitAsync(cancellationToken);
        try
        {
            Dictionary<(DateOnly Day, TlsSession Session), long> taken;
            lock (gate)
            {
                (taken, counts) = (counts, []);
            }

            foreach (var batch in taken.Chunk(BatchRows))
            {
                try
                {
                    await store.AddAsync([.. batch.Select(c => new TlsCount(c.Key.Day, c.Key.Session, c.Value))], cancellationToken);
                }
                catch (Exception exception) when (StoreHealth.IsStoreAtFault(exception) || exception is PostgresException { IsTransient: true })
                {
                    LogNotStored(exception.Message, batch.Length);
                    foreach (var (key, count) in batch)
                    {
                        Add(key, count);
                    }
                }
                catch (Exception exception)
                {
                    // What the store refuses today it refuses tomorrow.
                    LogRefused(exception, batch.Length);
                    metrics.UncountedTlsSessions.Add(batch.Sum(count => count.Value));
                }
            }
        }
        finally
        {
            flushing.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FlushAsync(cancellationToken);
    }

    public override void Dispose()
    {
        flushing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await FlushAsync(CancellationToken.None);
        }
    }

    private void Add((DateOnly, TlsSession) key, long count)
    {
        lock (gate)
        {
            if (counts.TryGetValue(key, out var before))
            {
                counts[key] = before + count;
            }
            else if (counts.Count < MostKinds)
            {
                counts.Add(key, count);
            }
            else
            {
                metrics.UncountedTlsSessions.Add(count);
            }
        }
    }

    [LoggerMessage(4010, LogLevel.Warning, "{Count} counts for reports about TLS could not be stored and are kept for the next time: {Problem}")]
    private partial void LogNotStored(string problem, int count);

    [LoggerMessage(4011, LogLevel.Error, "{Count} counts for reports about TLS were refused by the database, and are lost")]
    private partial void LogRefused(Exception exception, int count);
}
