using Npgsql;

namespace EmailService.Platform;

/// <summary>Makes the partitions of the days ahead: at start, then every hour. Rows of a day without a
/// partition go to the default one, so a missed hour loses nothing.</summary>
public sealed partial class DailyPartitions(NpgsqlDataSource db, TimeProvider time, ILogger<DailyPartitions> logger) : BackgroundService
{
    private const int DaysAhead = 7;

    // One node at a time; the others find the partitions made.
    private const string EnsureSql = """
        SELECT ensure_daily_partitions($1, $2) FROM (SELECT pg_advisory_xact_lock(7266335)) AS one_at_a_time
        """;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await EnsureAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromHours(1), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await EnsureAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogFailed(exception);
            }
        }
    }

    private async Task EnsureAsync(CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(EnsureSql);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = DaysAhead });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(9400, LogLevel.Warning, "The partitions of the days ahead could not be made; their rows would go to the default partition")]
    private partial void LogFailed(Exception exception);
}
