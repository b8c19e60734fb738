using EmailService.Platform.Jobs;
using Npgsql;

namespace EmailService.Accept;

/// <summary>Deletes idempotency keys whose time is over, a little at a time. A key that is still
/// there when its time is over counts as gone already: this only keeps the table small.</summary>
public sealed class IdempotencySweeper(NpgsqlDataSource db, AcceptOptions options, TimeProvider time) : IJob
{
    private const int MaxRows = 5000;

    // Index idempotency_keys_age. Two nodes at once pass over each other's rows.
    private const string DeleteSql = """
        DELETE FROM idempotency_keys WHERE (account_id, key) IN (
            SELECT account_id, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """;

    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        var total = 0;
        int deleted;
        do
        {
            await using var command = db.CreateCommand(DeleteSql);
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (time.GetUtcNow() - options.IdempotencyPeriod).UtcDateTime });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MaxRows });
            deleted = await command.ExecuteNonQueryAsync(cancellation);
            total += deleted;
        }
        while (deleted == MaxRows);

        return $"{total} keys deleted";
    }
}
