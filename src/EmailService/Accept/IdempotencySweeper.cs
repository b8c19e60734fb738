using EmailService.Platform;
using Npgsql;

namespace EmailService.Accept;

/// <summary>Deletes idempotency keys whose time is over, every hour and a little at a time. A key that is still
/// there when its time is over counts as gone already: this only keeps the table small.</summary>
public sealed partial class IdempotencySweeper(
    NpgsqlDataSource db, AcceptOptions options, TimeProvider time, ILogger<IdempotencySweeper> logger) : BackgroundService
{
    private const int MaxRows = 5000;
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // Index idempotency_keys_age. Two nodes at once pass over each other's rows.
    private const string DeleteSql = """
        DELETE FROM idempotency_keys WHERE (account_id, key) IN (
            SELECT account_id, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, time, stoppingToken);
                await SweepAsync(stoppingToken);
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

    /// <summary>Returns how many were deleted.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var total = 0;
        int deleted;
        do
        {
            await using var command = db.CreateCommand(DeleteSql);
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (time.GetUtcNow() - options.IdempotencyPeriod).UtcDateTime });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MaxRows });
            deleted = await command.ExecuteNonQueryAsync(cancellationToken);
            total += deleted;
        }
        while (deleted == MaxRows);

        return total;
    }

    [LoggerMessage(1003, LogLevel.Warning, "Idempotency keys whose time is over could not be deleted; trying again in an hour")]
    private partial void LogFailed(Exception exception);
}
