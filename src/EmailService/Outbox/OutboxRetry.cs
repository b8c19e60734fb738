using EmailService.Messages;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Outbox;

/// <summary>Makes what waits for a later attempt due now.</summary>
public sealed class OutboxRetry(NpgsqlDataSource db, TimeProvider time)
{
    // Primary key of outbox, then that of messages for what was never tried: before its send_at the sender does not want it sent.
    // A row that a node is claiming at this moment is passed over; it is being tried.
    private const string RetrySql = $"""
        WITH {OutboxSelection.PartSql},
        picked AS (
            SELECT r.message_id, r.n
              FROM meant JOIN outbox AS r ON r.message_id = meant.message_id AND r.n = meant.n
             WHERE r.state = 'queued' AND r.due_at > $9
               AND (r.attempts > 0 OR NOT EXISTS (SELECT FROM messages AS m WHERE m.id = r.message_id AND m.send_at > $9))
               FOR UPDATE OF r SKIP LOCKED),
        moved AS (
            UPDATE outbox AS r SET due_at = $9
              FROM picked WHERE r.message_id = picked.message_id AND r.n = picked.n
            RETURNING r.n)
        SELECT (SELECT count(*)::int FROM moved), {OutboxPart.Columns}
          FROM {OutboxPart.Last}
        """;

    /// <summary>One part of the selection: <paramref name="after"/> is null at first, then the last answer's <see cref="OutboxPart.Next"/>.</summary>
    public async Task<OutboxPart> RetryAsync(OutboxSelection selection, RecipientId? after, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(RetrySql);
        selection.AddTo(command.Parameters, after ?? selection.Start);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.TimestampTz, Value = time.GetUtcNow().UtcDateTime });
        return await OutboxPart.ReadAsync(command, cancellationToken);
    }
}
