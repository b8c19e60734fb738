using System.Globalization;
using EmailService.Platform.Jobs;
using Npgsql;

namespace EmailService.Platform;

/// <summary>Drops the partitions of days that are older than we keep, all tables of a day together, and only if nothing needs the day any more.</summary>
public sealed class Retention(NpgsqlDataSource database, RetentionOptions options, TimeProvider time) : IJob
{
    /// <summary>In the order in which writers take their locks.</summary>
    private static readonly string[] Tables = ["messages", "settled", "attempts", "events"];

    // Days as they are in the partitions' names, from whichever of the tables still has one.
    private const string DaysSql = """
        SELECT DISTINCT right(c.relname, 8) AS day
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = ANY (ARRAY['messages', 'settled', 'attempts', 'events']::regclass[])
           AND c.relname ~ '_[0-9]{8}$' AND right(c.relname, 8) < $1
         ORDER BY day
        """;

    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        var (dropped, kept) = (new List<string>(), new List<string>());
        foreach (var day in await DaysAsync(cancellation))
        {
            var reason = await DropAsync(day, cancellation);
            (reason is null ? dropped : kept).Add(reason is null ? day : $"{day} ({reason})");
        }

        return (dropped.Count == 0 ? "nothing dropped" : $"dropped {string.Join(", ", dropped)}")
            + (kept.Count == 0 ? "" : $"; kept {string.Join(", ", kept)}");
    }

    private async Task<List<string>> DaysAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(DaysSql);
        command.Parameters.Add(new() { Value = time.GetUtcNow().UtcDateTime.Date.AddDays(-options.Days).ToString("yyyyMMdd", CultureInfo.InvariantCulture) });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var days = new List<string>();
        while (await reader.ReadAsync(cancellation))
        {
            days.Add(reader.GetString(0));
        }

        return days;
    }

    // Shorter than deadlock_timeout (1 s): it is always we who give up, never a sender's transaction.
    private const string LockSql = "SET LOCAL lock_timeout = '500ms'; LOCK TABLE ONLY messages, ONLY settled, ONLY attempts, ONLY events IN ACCESS EXCLUSIVE MODE";

    /// <summary>Null when the day is gone, else why it is kept.</summary>
    private async Task<string?> DropAsync(string day, CancellationToken cancellation)
    {
        if (await NeedAsync(day, cancellation) is { } need)
        {
            return need;
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        try
        {
            await ExecuteAsync(connection, LockSql, cancellation);
            // The name comes from the catalogue and is eight digits.
            await ExecuteAsync(connection, $"DROP TABLE IF EXISTS {string.Join(", ", Tables.Select(table => $"{table}_{day}"))}", cancellation);
            await transaction.CommitAsync(cancellation);
            return null;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            return "in use, tried again at the next run";
        }
    }

    // New rows of such an old day do not come, so what is free now stays free. A webhook that is switched off holds nothing;
    // one that is on needs what lies behind its place in the log and is for it.
    private const string NeedSql = """
        SELECT CASE
            WHEN EXISTS (SELECT FROM outbox
                          WHERE message_id >= message_id_floor($1) AND message_id < message_id_floor($1 + interval '24 hours'))
                THEN 'mail of it waits'
            WHEN EXISTS (SELECT FROM idempotency_keys
                          WHERE created_at < $1 + interval '48 hours'
                            AND request_id >= message_id_floor($1) AND request_id < message_id_floor($1 + interval '24 hours'))
                THEN 'an idempotency key names it'
            WHEN EXISTS (SELECT FROM webhooks AS w JOIN events AS e
                             ON e.account_id = w.account_id AND e.kind = ANY (w.kinds) AND (e.xact, e.id) > (w.cursor_xact, w.cursor_id)
                          WHERE w.enabled
                            AND e.message_id >= message_id_floor($1) AND e.message_id < message_id_floor($1 + interval '24 hours'))
                THEN 'a webhook has not been told all of it'
            END
        """;

    private async Task<string?> NeedAsync(string day, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(NeedSql);
        command.CommandTimeout = 300;
        command.Parameters.Add(new NpgsqlParameter<DateTime>
        {
            TypedValue = DateTime.ParseExact(day, "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal),
        });
        return await command.ExecuteScalarAsync(cancellation) as string;
    }

#pragma warning disable CA2100 // Our own text and names from the catalogue.
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }
#pragma warning restore CA2100
}
