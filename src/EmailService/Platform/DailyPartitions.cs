using EmailService.Platform.Jobs;
using Npgsql;

namespace EmailService.Platform;

/// <summary>Makes the partitions of the days ahead: at start, then every hour. Rows of a day without a
/// partition go to the default one, so a missed hour loses nothing.</summary>
public sealed class DailyPartitions(NpgsqlDataSource db, TimeProvider time) : IHostedService, IJob
{
    private const int DaysAhead = 7;

    // One node at a time; the others find the partitions made.
    private const string EnsureSql = """
        SELECT ensure_daily_partitions($1, $2) FROM (SELECT pg_advisory_xact_lock(7266335)) AS one_at_a_time
        """;

    public Task StartAsync(CancellationToken cancellationToken) => EnsureAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task<string> ExecuteAsync(CancellationToken cancellation) => $"{await EnsureAsync(cancellation)} partitions made";

    private async Task<int> EnsureAsync(CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(EnsureSql);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = DaysAhead });
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
