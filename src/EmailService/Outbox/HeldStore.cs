using EmailService.Platform;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Outbox;

/// <summary>Rows of <c>outbox</c> that an overlay keeps back: due at its end or their own, or at once when it is lifted.</summary>
public sealed class HeldStore(NpgsqlDataSource db) : IHeldStore
{
    // A lift that comes now waits for our lock on the overlay's row and then finds what we held; one that has been leaves no row, and
    // the recipient is due soon. Not at once: we may not know of the lift yet, and would claim and hold it again and again.
    private const string HoldSql = """
        WITH b AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::timestamptz[], $5::text[], $6::bigint[])
                AS t(message_id, n, attempt, due_at, lane, overlay)),
        standing AS MATERIALIZED (
            SELECT id FROM overlays WHERE id = ANY ($6) ORDER BY id FOR KEY SHARE)
        UPDATE outbox AS r
           SET state = 'queued', node_id = NULL, leased_until = NULL, attempts = r.attempts - 1, lane = COALESCE(b.lane, r.lane),
               due_at = CASE WHEN standing.id IS NULL THEN $7 ELSE least(b.due_at, r.expires_at) END, held_by = standing.id
          FROM b LEFT JOIN standing ON standing.id = b.overlay
         WHERE r.message_id = b.message_id AND r.n = b.n AND r.attempts = b.attempt AND r.state = 'leased'
        """;

    /// <summary>Gives claims back until an overlay has ended.</summary>
    public async Task HoldAsync(IReadOnlyList<HeldBack> held, DateTimeOffset soon, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(HoldSql);
        command.Parameters.Add(held.Column(h => h.Recipient.Id.Message.Value));
        command.Parameters.Add(held.Column(h => h.Recipient.Id.N));
        command.Parameters.Add(held.Column(h => h.Recipient.Attempt));
        command.Parameters.Add(held.Column(h => h.DueAt.UtcDateTime));
        command.Parameters.Add(held.TextColumn(h => h.Lane));
        command.Parameters.Add(held.Column(h => h.OverlayId));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = soon.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private const int LongestReleaseSeconds = 600;

    // Index outbox_held.
    private const string ReleaseSql = """
        UPDATE outbox SET due_at = least(due_at, $2), held_by = NULL WHERE held_by = ANY ($1) AND state = 'queued'
        """;

    /// <summary>Makes due what these overlays kept back, in the transaction that lifts them.</summary>
    public async Task ReleaseAsync(NpgsqlConnection connection, long[] overlayIds, DateTimeOffset now, CancellationToken cancellation)
    {
        // A million rows take about a quarter of a minute, and they must go in one transaction.
        await using var command = new NpgsqlCommand(ReleaseSql, connection) { CommandTimeout = LongestReleaseSeconds };
        command.Parameters.Add(new() { Value = overlayIds, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    // A suspended lane is not claimed from, so what expires in it is looked for. Index outbox_due: reads the lane, once in a while.
    private const string ClaimExpiredSql = $"""
        WITH due AS MATERIALIZED (
            SELECT d.message_id, d.n
              FROM unnest($1::text[]) AS want(lane)
             CROSS JOIN LATERAL (
                   SELECT o.message_id, o.n FROM outbox AS o
                    WHERE o.state = 'queued' AND o.lane = want.lane AND o.expires_at <= $2
                    LIMIT $5
                      FOR UPDATE SKIP LOCKED) AS d
             LIMIT $5)
        UPDATE outbox AS r
           SET state = 'leased', node_id = $3, leased_until = $4, attempts = r.attempts + 1
          FROM due
         WHERE r.message_id = due.message_id AND r.n = due.n
        RETURNING {OutboxStore.ClaimedColumns}
        """;

    /// <summary>Claims what has expired in these lanes.</summary>
    public async Task<List<ClaimedRecipient>> ClaimExpiredAsync(
        IReadOnlyList<string> lanes, int most, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(ClaimExpiredSql);
        command.Parameters.Add(new() { Value = lanes.ToArray() });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = leasedUntil.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        return await OutboxStore.ReadClaimedAsync(command, cancellation);
    }
}
