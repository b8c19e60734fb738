using EmailService.Platform;
using Npgsql;

namespace EmailService.Outbox;

/// <summary>Measures the queue for the pager: how long it is, and how long the one that waits longest has been due.</summary>
public sealed partial class QueueGauges : BackgroundService
{
    /// <summary>Past this the length is said as this number: counting on would cost more than it tells.</summary>
    private const int MostCounted = 1_000_000;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    // The primary key, index only, up to the bound.
    private const string CountSql = "SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS some";

    private readonly NpgsqlDataSource db;
    private readonly IOutboxStore store;
    private readonly TimeProvider time;
    private readonly ILogger<QueueGauges> log;
    private long length;
    private double oldest;

    public QueueGauges(NpgsqlDataSource db, IOutboxStore store, ServiceMeter service, TimeProvider time, ILogger<QueueGauges> log)
    {
        (this.db, this.store, this.time, this.log) = (db, store, time, log);
        service.Meter.CreateObservableGauge(
            "emailservice.outbox.recipients", () => Volatile.Read(ref length), "{recipient}", "Recipients that have not come to their end, up to a million.");
        service.Meter.CreateObservableGauge(
            "emailservice.outbox.oldest_due", () => Volatile.Read(ref oldest), "s", "For how long the recipient that waits longest has been due.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await MeasureAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Whatever it was: what leaves a background service ends the process.
                LogFailed(exception.Message);
            }

            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task MeasureAsync(CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(CountSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MostCounted });
        Volatile.Write(ref length, (long)(await command.ExecuteScalarAsync(cancellationToken))!);

        var now = time.GetUtcNow();
        var lanes = await store.FindDueLanesAsync(cancellationToken);
        Volatile.Write(ref oldest, lanes.Count == 0 ? 0 : Math.Max(0, lanes.Max(l => (now - l.DueAt).TotalSeconds)));
    }

    [LoggerMessage(2003, LogLevel.Debug, "The queue could not be measured: {Problem}")]
    private partial void LogFailed(string problem);
}
