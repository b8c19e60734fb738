using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Record;

/// <summary>Brings recipients that wait to their end because somebody said so: they are <c>expired</c>. What is in a worker's hands is left
/// to that worker.</summary>
public sealed class OperatorExpiry(NpgsqlDataSource db, EventSignal events, RecordMetrics metrics, TimeProvider time)
{
    /// <summary>What stands in the place of a mail host's reply. RFC 3463 §3.5: delivery time expired.</summary>
    public const string Reply = "554 5.4.7 expired by operator";

    // Queue row, settled row and event are one statement, as with any other outcome; no attempt was made, so there is none in it.
    private const string ExpireSql = $$"""
        WITH {{OutboxSelection.PartSql}},
        picked AS (
            SELECT r.message_id, r.n
              FROM meant JOIN outbox AS r ON r.message_id = meant.message_id AND r.n = meant.n
             WHERE r.state = 'queued'
               FOR UPDATE OF r SKIP LOCKED),
        gone AS (
            DELETE FROM outbox AS r USING picked
             WHERE r.message_id = picked.message_id AND r.n = picked.n
            RETURNING r.message_id, r.n, r.account_id, r.address, r.attempts),
        ended AS (
            INSERT INTO settled (message_id, n, account_id, address, state, settled_at, attempts, reply)
            SELECT message_id, n, account_id, address, 'expired', $9, attempts, $10 FROM gone),
        told AS (
            INSERT INTO events (message_id, n, account_id, kind, at, address, attempt, detail)
            SELECT message_id, n, account_id, 'expired', $9, address, attempts,
                   jsonb_build_object('reply', $10::text, 'status', '5.4.7', 'ours', true, 'type', 'blocked', 'classification', '{{ReplyReason.Technical}}')
              FROM gone ORDER BY message_id, n)
        SELECT (SELECT count(*)::int FROM gone), {{OutboxPart.Columns}}
          FROM {{OutboxPart.Last}}
        """;

    /// <summary>One part of the selection: <paramref name="after"/> is null at first, then the last answer's <see cref="OutboxPart.Next"/>.</summary>
    public async Task<OutboxPart> ExpireAsync(OutboxSelection selection, RecipientId? after, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ExpireSql);
        selection.AddTo(command.Parameters, after ?? selection.Start);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.TimestampTz, Value = time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Reply });
        var part = await OutboxPart.ReadAsync(command, cancellationToken);
        if (part.Changed > 0)
        {
            events.Raise();
            metrics.Outcomes.Add(part.Changed, new KeyValuePair<string, object?>("event", EventKind.Expired.ToName()));
        }

        return part;
    }
}
