using EmailService.Messages;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Notify;

/// <summary>Webhooks as work: claims one, reads the log after its cursor, settles. All of the ordering lives here:
/// one lease for each webhook, and no reading past a transaction that may still commit.</summary>
internal sealed class WebhookQueue(NpgsqlDataSource database)
{
    // Right for this pipeline only, which is one transaction. Estimates lag behind a log that grows: without this the planner may
    // sort all that lies after a cursor that is far behind, for every page. The index has the order already. What is switched off
    // counts as very dear, which would have a query of a millisecond compiled for a second: hence no JIT.
    internal const string WalkSql =
        "SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)";

    // The log's readable end is found once (events_order, backwards), so a webhook with nothing new costs one comparison.
    // Furthest behind first: a busy webhook moves its own cursor and so gives way to the others.
    internal const string ClaimSql = """
        WITH readable AS MATERIALIZED (
            SELECT xact, id FROM events
             WHERE xact < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY xact DESC, id DESC
             LIMIT 1),
        due AS MATERIALIZED (
            SELECT w.id
              FROM webhooks AS w, readable AS r
             WHERE w.enabled
               AND (w.failures > 0) = $4
               AND (w.next_try_at IS NULL OR w.next_try_at <= $2)
               AND (w.leased_until IS NULL OR w.leased_until <= $2)
               AND (w.cursor_xact, w.cursor_id) < (r.xact, r.id)
             ORDER BY w.cursor_xact, w.cursor_id
             LIMIT $5
               FOR UPDATE OF w SKIP LOCKED)
        UPDATE webhooks AS w
           SET node_id = $1, leased_until = $3
          FROM due
         WHERE w.id = due.id
        RETURNING w.id, w.account_id, w.url, w.kinds, w.private_key, w.cursor_xact, w.cursor_id, w.failures
        """;

    /// <summary>Takes up to <paramref name="limit"/> webhooks that have something to read and are due.</summary>
    /// <param name="failing">Those whose last request failed, or those whose last request did not.</param>
    public async Task<List<Claim>> ClaimAsync(
        long nodeId, DateTimeOffset now, TimeSpan lease, bool failing, int limit, CancellationToken cancellationToken)
    {
        // PostgreSQL keeps microseconds, and the end is half of the lease's name.
        var until = (now + lease).UtcDateTime;
        until = until.AddTicks(-(until.Ticks % TimeSpan.TicksPerMicrosecond));

        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(WalkSql));
        var command = new NpgsqlBatchCommand(ClaimSql);
        batch.BatchCommands.Add(command);
        command.Parameters.Add(new() { Value = nodeId });
        command.Parameters.Add(new() { Value = now.UtcDateTime });
        command.Parameters.Add(new() { Value = until });
        command.Parameters.Add(new() { Value = failing });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await batch.ExecuteReaderAsync(cancellationToken);
        await row.NextResultAsync(cancellationToken);
        var claims = new List<Claim>();
        while (await row.ReadAsync(cancellationToken))
        {
            claims.Add(new Claim
            {
                WebhookId = row.GetInt64(0),
                AccountId = row.GetInt32(1),
                Url = row.GetString(2),
                Kinds = row.GetFieldValue<string[]>(3),
                PrivateKey = row.GetFieldValue<byte[]>(4),
                Cursor = new LogPlace(row.GetFieldValue<ulong>(5), row.GetInt64(6)),
                Failures = row.GetInt32(7),
                NodeId = nodeId,
                LeasedUntil = new DateTimeOffset(until, TimeSpan.Zero),
            });
        }

        return claims;
    }

    // A page of the log by events_order, merged over the days; then a look-up of each message by its key. The page's last
    // row comes along even when it isn't wanted: the cursor moves on over what other accounts wrote.
    internal const string ReadSql = """
        WITH page AS MATERIALIZED (
            SELECT xact, id, message_id, n, account_id, kind, at, address, attempt, detail
              FROM events
             WHERE (xact, id) > ($1, $2) AND xact < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY xact, id
             LIMIT $5),
        marked AS (
            SELECT *, account_id = $3 AND kind = ANY ($4) AS wanted,
                   lead(id) OVER (ORDER BY xact, id) IS NULL AS is_last
              FROM page)
        SELECT e.xact, e.id, e.wanted, e.message_id, e.n, e.kind, e.at, e.address, e.attempt, e.detail,
               m.from_address, m.send_at, m.categories, m.custom_args
          FROM marked AS e
          LEFT JOIN LATERAL (
               SELECT from_address, send_at, categories, custom_args
                 FROM messages WHERE id = e.message_id AND e.wanted LIMIT 1) AS m ON true
         WHERE e.wanted OR e.is_last
         ORDER BY e.xact, e.id
         LIMIT $6
        """;

    /// <summary>How many rows of the log are looked at for each event that a batch can hold.</summary>
    private const int PageFactor = 5;

    public async Task<LogPage> ReadAsync(Claim claim, int limit, CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(WalkSql));
        var command = new NpgsqlBatchCommand(ReadSql);
        batch.BatchCommands.Add(command);
        command.Parameters.Add(new() { Value = claim.Cursor.Xact, NpgsqlDbType = NpgsqlDbType.Xid8 });
        command.Parameters.Add(new() { Value = claim.Cursor.Id });
        command.Parameters.Add(new() { Value = claim.AccountId });
        command.Parameters.Add(new() { Value = claim.Kinds });
        command.Parameters.Add(new() { Value = limit * PageFactor });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await batch.ExecuteReaderAsync(cancellationToken);
        await row.NextResultAsync(cancellationToken);
        var events = new List<LoggedEvent>();
        var end = claim.Cursor;
        while (await row.ReadAsync(cancellationToken))
        {
            end = new LogPlace(row.GetFieldValue<ulong>(0), row.GetInt64(1));
            if (row.GetBoolean(2) && Names.TryParseEventKind(row.GetString(5), out var kind))
            {
                events.Add(new LoggedEvent
                {
                    Place = end,
                    AccountId = claim.AccountId,
                    Recipient = new RecipientId(new MessageId(row.GetGuid(3)), row.GetInt16(4)),
                    Kind = kind,
                    At = row.GetFieldValue<DateTimeOffset>(6),
                    Address = row.GetString(7),
                    Attempt = row.GetInt32(8),
                    Detail = row.IsDBNull(9) ? null : row.GetString(9),
                    FromAddress = row.IsDBNull(10) ? null : row.GetString(10),
                    SendAt = row.IsDBNull(11) ? null : row.GetFieldValue<DateTimeOffset>(11),
                    Categories = row.IsDBNull(12) ? null : row.GetFieldValue<string[]>(12),
                    CustomArgs = row.IsDBNull(13) ? null : row.GetString(13),
                });
            }
        }

        return new LogPage(events, end);
    }

    // One statement, so the cursor and the delivery's line commit together. A webhook that was deleted meanwhile, or
    // that another holds by now, gives no row in "settled", and then nothing is written.
    private const string SettleSql = """
        WITH settled AS (
            UPDATE webhooks
               SET cursor_xact = $4, cursor_id = $5, failures = $6, next_try_at = $7, node_id = NULL, leased_until = NULL
             WHERE id = $1 AND node_id = $2 AND leased_until = $3
            RETURNING id),
        logged AS (
            INSERT INTO webhook_deliveries
                   (webhook_id, at, duration_ms, event_count, first_event, last_event, outcome, status_code, error)
            SELECT settled.id, d.*
              FROM settled, unnest($8, $9, $10, $11, $12, $13, $14, $15) AS d)
        SELECT id FROM settled
        """;

    /// <summary>Writes down what came of it and gives the webhook back. False: the lease was no longer ours.</summary>
    /// <remarks>Takes no token: the receiver has answered, and an answer that we forget is a second request.</remarks>
    public async Task<bool> SettleAsync(Claim claim, Settlement settlement)
    {
        var lines = settlement.Deliveries;
        await using var command = database.CreateCommand(SettleSql);
        command.Parameters.Add(new() { Value = claim.WebhookId });
        command.Parameters.Add(new() { Value = claim.NodeId });
        command.Parameters.Add(new() { Value = claim.LeasedUntil.UtcDateTime });
        command.Parameters.Add(new() { Value = settlement.Cursor.Xact, NpgsqlDbType = NpgsqlDbType.Xid8 });
        command.Parameters.Add(new() { Value = settlement.Cursor.Id });
        command.Parameters.Add(new() { Value = settlement.Failures });
        command.Parameters.Add(new() { Value = (object?)settlement.NextTryAt?.UtcDateTime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = lines.Select(line => line.At.UtcDateTime).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = lines.Select(line => line.DurationMs).ToArray() });
        command.Parameters.Add(new() { Value = lines.Select(line => line.EventCount).ToArray() });
        command.Parameters.Add(new() { Value = lines.Select(line => line.FirstEvent).ToArray() });
        command.Parameters.Add(new() { Value = lines.Select(line => line.LastEvent).ToArray() });
        command.Parameters.Add(new() { Value = lines.Select(line => line.Outcome).ToArray() });
        command.Parameters.Add(new() { Value = lines.Select(line => line.StatusCode).ToArray() });
        command.Parameters.Add(new() { Value = lines.Select(line => line.Error).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        return await command.ExecuteScalarAsync(CancellationToken.None) is not null;
    }

    // A scan: once an hour, of a table with a line for each batch.
    private const string PruneSql = """
        DELETE FROM webhook_deliveries
         WHERE id IN (SELECT id FROM webhook_deliveries WHERE at < $1 ORDER BY id LIMIT 10000)
        """;

    public async Task<int> PruneAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(PruneSql);
        command.Parameters.Add(new() { Value = before.UtcDateTime });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
