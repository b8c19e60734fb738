using EmailService.Messages;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Outbox;

/// <summary>A lane of the table and a stream of which it has something due, now or later.</summary>
public readonly record struct DueLane(string Lane, MailStream Stream, DateTimeOffset DueAt);

/// <summary>How much of a lane is to be claimed: so many of each stream at most, and so many in all. What transactional mail
/// does not use of the whole is left to bulk.</summary>
public readonly record struct WantedLane(string Lane, int Transactional, int Bulk, int Most);

/// <summary>Where to look for accounts with something due.</summary>
/// <param name="Lane">A lane of the table.</param>
/// <param name="Stream">One of its streams.</param>
/// <param name="After">Only accounts with a higher number.</param>
public readonly record struct AccountSearch(string Lane, MailStream Stream, int After);

/// <summary>An account that has something due in a lane of the table.</summary>
public readonly record struct DueAccount(string Lane, MailStream Stream, int AccountId);

/// <summary>How much of an account's mail in a lane and stream is to be claimed, at most.</summary>
public readonly record struct WantedAccount(string Lane, MailStream Stream, int AccountId, int Most);

/// <summary>The table <c>outbox</c>: recipients that have not come to their end. Enqueue is a statement for
/// Accept's transaction; settle and defer are part of Record's. All else that moves a row is here.</summary>
public sealed class OutboxStore(NpgsqlDataSource db) : IOutboxStore
{
    // Index outbox_due, entered once for each lane and stream instead of once per row: a lane with a million rows
    // costs what a lane with one costs.
    private const string FindDueLanesSql = """
        WITH RECURSIVE lanes AS (
            (SELECT lane, priority, due_at FROM outbox WHERE state = 'queued' ORDER BY lane, priority, due_at LIMIT 1)
            UNION ALL
            SELECT next.lane, next.priority, next.due_at
              FROM lanes CROSS JOIN LATERAL (
                    SELECT o.lane, o.priority, o.due_at FROM outbox AS o
                     WHERE o.state = 'queued' AND (o.lane, o.priority) > (lanes.lane, lanes.priority)
                     ORDER BY o.lane, o.priority, o.due_at LIMIT 1) AS next)
        SELECT lane, priority, due_at FROM lanes
        """;

    /// <summary>Every lane of the table by stream, with the time of the first due recipient.</summary>
    public async Task<List<DueLane>> FindDueLanesAsync(CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(FindDueLanesSql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var lanes = new List<DueLane>();
        while (await reader.ReadAsync(cancellationToken))
        {
            lanes.Add(new DueLane(reader.GetString(0), (MailStream)reader.GetInt16(1), reader.GetFieldValue<DateTimeOffset>(2)));
        }

        return lanes;
    }

    /// <summary>What a claim returns of a row r, for <see cref="ReadClaimedAsync"/>. Whoever was suppressed since it was accepted is told
    /// apart by the primary key of suppressions, unless its request bypasses the list of bounces.</summary>
    internal const string ClaimedColumns = """
        r.message_id, r.n, r.account_id, r.address, r.lane, r.attempts, r.expires_at, r.processed, r.priority, r.egress_source,
                  (SELECT jsonb_build_object('reason', 'Bounced Address', 'why', s.reason, 'reply', s.reply, 'since', s.since)::text
                     FROM suppressions AS s WHERE s.account_id = r.account_id AND s.address = lower(r.address) AND s.since IS NOT NULL
                      AND coalesce(r.bypassed_lists, 0) & 1 = 0)
        """;

    // One statement claims and leases, for many lanes in one round trip: SKIP LOCKED in a SELECT of its
    // own would give the rows back before the work began. Index outbox_due serves each lane's parts, transactional first: an
    // Append reads its second part only as far as the limit over both leaves room. The outer
    // limit, the sum of the inner ones, changes nothing but the estimate: without it the planner expects a tenth
    // of the lane, and reads the whole table to join it. What an overlay kept back it keeps back no longer: its end must not cut the wait after
    // this attempt.
    private const string ClaimDueSql = $"""
        WITH due AS MATERIALIZED (
            SELECT d.message_id, d.n
              FROM unnest($1::text[], $2::int[], $3::int[], $4::int[]) AS want(lane, transactional, bulk, most)
             CROSS JOIN LATERAL (
                   SELECT first.message_id, first.n
                     FROM (SELECT o.message_id, o.n FROM outbox AS o
                            WHERE o.state = 'queued' AND o.lane = want.lane AND o.priority = 0 AND o.due_at <= $5
                            ORDER BY o.due_at
                            LIMIT want.transactional
                              FOR UPDATE SKIP LOCKED) AS first
                   UNION ALL
                   SELECT rest.message_id, rest.n
                     FROM (SELECT o.message_id, o.n FROM outbox AS o
                            WHERE o.state = 'queued' AND o.lane = want.lane AND o.priority = 1 AND o.due_at <= $5
                            ORDER BY o.due_at
                            LIMIT want.bulk
                              FOR UPDATE SKIP LOCKED) AS rest
                    LIMIT want.most) AS d
             LIMIT $8)
        UPDATE outbox AS r
           SET state = 'leased', node_id = $6, leased_until = $7, attempts = r.attempts + 1, held_by = NULL
          FROM due
         WHERE r.message_id = due.message_id AND r.n = due.n
        RETURNING {ClaimedColumns}
        """;

    /// <summary>Claims up to the wanted number of due recipients in each lane for a node.</summary>
    public async Task<List<ClaimedRecipient>> ClaimDueAsync(
        IReadOnlyList<WantedLane> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil,
        CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ClaimDueSql);
        command.Parameters.Add(wanted.Column(w => w.Lane));
        command.Parameters.Add(wanted.Column(w => w.Transactional));
        command.Parameters.Add(wanted.Column(w => w.Bulk));
        command.Parameters.Add(wanted.Column(w => w.Most));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = leasedUntil.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = wanted.Sum(w => (long)w.Most) });
        return await ReadClaimedAsync(command, cancellationToken);
    }

    // Index outbox_turns, entered once for each account and once more for each lane and stream, whatever an account has there. The first accounts
    // of all lanes come first, then the second ones: where the limit cuts off, it does so evenly.
    private const string FindDueAccountsSql = """
        WITH RECURSIVE accounts AS (
            SELECT want.lane, want.priority, first.account_id, first.due_at
              FROM unnest($1::text[], $2::smallint[], $3::int[]) AS want(lane, priority, after)
             CROSS JOIN LATERAL (
                   SELECT o.account_id, o.due_at FROM outbox AS o
                    WHERE o.state = 'queued' AND o.lane = want.lane AND o.priority = want.priority AND o.account_id > want.after
                    ORDER BY o.account_id, o.due_at LIMIT 1) AS first
            UNION ALL
            SELECT accounts.lane, accounts.priority, next.account_id, next.due_at
              FROM accounts CROSS JOIN LATERAL (
                   SELECT o.account_id, o.due_at FROM outbox AS o
                    WHERE o.state = 'queued' AND o.lane = accounts.lane AND o.priority = accounts.priority AND o.account_id > accounts.account_id
                    ORDER BY o.account_id, o.due_at LIMIT 1) AS next)
        SELECT lane, priority, account_id FROM accounts WHERE due_at <= $4 LIMIT $5
        """;

    /// <summary>The accounts that have something due in these lanes; of a lane in the order of their numbers.</summary>
    public async Task<List<DueAccount>> FindDueAccountsAsync(
        IReadOnlyList<AccountSearch> searches, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(FindDueAccountsSql);
        command.Parameters.Add(searches.Column(s => s.Lane));
        command.Parameters.Add(searches.Column(s => (short)s.Stream));
        command.Parameters.Add(searches.Column(s => s.After));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var accounts = new List<DueAccount>();
        while (await reader.ReadAsync(cancellationToken))
        {
            accounts.Add(new DueAccount(reader.GetString(0), (MailStream)reader.GetInt16(1), reader.GetInt32(2)));
        }

        return accounts;
    }

    // Index outbox_turns. Account and time are compared as a row, and ordered by: with plain conditions on each the planner may think that nearly all
    // of the lane is the account's, and read the lane by outbox_due, all 200,000 of another account for the one of this.
    private const string ClaimDueOfAccountsSql = $"""
        WITH due AS MATERIALIZED (
            SELECT d.message_id, d.n
              FROM unnest($1::text[], $2::smallint[], $3::int[], $4::int[]) AS want(lane, priority, account_id, most)
             CROSS JOIN LATERAL (
                   SELECT o.message_id, o.n FROM outbox AS o
                    WHERE o.state = 'queued' AND o.lane = want.lane AND o.priority = want.priority
                      AND (o.account_id, o.due_at) >= (want.account_id, '-infinity') AND (o.account_id, o.due_at) <= (want.account_id, $5)
                    ORDER BY o.account_id, o.due_at
                    LIMIT want.most
                      FOR UPDATE SKIP LOCKED) AS d
             LIMIT $8)
        UPDATE outbox AS r
           SET state = 'leased', node_id = $6, leased_until = $7, attempts = r.attempts + 1, held_by = NULL
          FROM due
         WHERE r.message_id = due.message_id AND r.n = due.n
        RETURNING {ClaimedColumns}
        """;

    /// <summary>Claims up to the wanted number of due recipients of each account in a lane and stream for a node.</summary>
    public async Task<List<ClaimedRecipient>> ClaimDueOfAccountsAsync(
        IReadOnlyList<WantedAccount> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ClaimDueOfAccountsSql);
        command.Parameters.Add(wanted.Column(w => w.Lane));
        command.Parameters.Add(wanted.Column(w => (short)w.Stream));
        command.Parameters.Add(wanted.Column(w => w.AccountId));
        command.Parameters.Add(wanted.Column(w => w.Most));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = leasedUntil.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = wanted.Sum(w => (long)w.Most) });
        return await ReadClaimedAsync(command, cancellationToken);
    }

    /// <summary>Runs a claim that returns <see cref="ClaimedColumns"/>.</summary>
    internal static async Task<List<ClaimedRecipient>> ReadClaimedAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var claimed = new List<ClaimedRecipient>();
        while (await reader.ReadAsync(cancellationToken))
        {
            claimed.Add(new ClaimedRecipient(
                new RecipientId(new MessageId(reader.GetGuid(0)), reader.GetInt16(1)),
                reader.GetInt32(2), reader.GetString(3), reader.GetString(4), reader.GetInt32(5),
                reader.GetFieldValue<DateTimeOffset>(6), reader.GetBoolean(7))
            {
                Stream = (MailStream)reader.GetInt16(8),
                EgressSource = reader.IsDBNull(9) ? null : reader.GetString(9),
                Suppression = reader.IsDBNull(10) ? null : reader.GetString(10),
            });
        }

        return claimed;
    }

    // The attempt that the claim counted was not made, so it is counted back.
    private const string GiveBackSql = """
        UPDATE outbox AS r
           SET state = 'queued', node_id = NULL, leased_until = NULL, attempts = r.attempts - 1,
               due_at = b.due_at, lane = COALESCE(b.lane, r.lane)
          FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::timestamptz[], $5::text[]) AS b(message_id, n, attempt, due_at, lane)
         WHERE r.message_id = b.message_id AND r.n = b.n AND r.attempts = b.attempt AND r.state = 'leased'
        """;

    /// <summary>Gives claims back unused: at a stop, or when their lane may not be served now.</summary>
    public async Task GiveBackAsync(
        IReadOnlyList<(ClaimedRecipient Recipient, DateTimeOffset DueAt, string? Lane)> unused, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(GiveBackSql);
        command.Parameters.Add(unused.Column(u => u.Recipient.Id.Message.Value));
        command.Parameters.Add(unused.Column(u => u.Recipient.Id.N));
        command.Parameters.Add(unused.Column(u => u.Recipient.Attempt));
        command.Parameters.Add(unused.Column(u => u.DueAt.UtcDateTime));
        command.Parameters.Add(unused.TextColumn(u => u.Lane));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string RenewSql = """
        UPDATE outbox SET leased_until = $5
         WHERE message_id = $1 AND n = $2 AND attempts = $3 AND node_id = $4 AND state = 'leased'
        """;

    /// <summary>Lengthens a lease. False if it is not ours any more: its recipient is somebody else's.</summary>
    public async Task<bool> RenewAsync(ClaimedRecipient claim, long nodeId, DateTimeOffset leasedUntil, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(RenewSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = claim.Id.Message.Value });
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = claim.Id.N });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = claim.Attempt });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = leasedUntil.UtcDateTime });
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    // Index outbox_leased. What a node that no longer lives holds, or what is held too long. Our own
    // is left to the comparison with the hand: after an outage our heartbeat may look old to ourselves.
    private const string FindAbandonedSql = """
        SELECT message_id, n, attempts, node_id, leased_until
          FROM outbox
         WHERE state = 'leased'
           AND node_id <> $4
           AND (node_id NOT IN (SELECT id FROM live_nodes($1)) OR leased_until < $2)
         LIMIT $3
        """;

    /// <summary>Leases whose holder is gone: its heartbeat is older than <paramref name="nodeTimeout"/>, or the lease itself ran out.</summary>
    public async Task<List<Abandoned>> FindAbandonedAsync(
        TimeSpan nodeTimeout, DateTimeOffset now, int limit, long ownNodeId, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(FindAbandonedSql);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = nodeTimeout });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = ownNodeId });
        return await ReadAbandonedAsync(command, cancellationToken);
    }

    private const string FindHeldBySql = """
        SELECT message_id, n, attempts, node_id, leased_until
          FROM outbox
         WHERE state = 'leased' AND node_id = $1
        """;

    /// <summary>All that the table calls leased to one node, to compare with what it holds.</summary>
    public async Task<List<Abandoned>> FindHeldByAsync(long nodeId, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(FindHeldBySql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        return await ReadAbandonedAsync(command, cancellationToken);
    }

    private static async Task<List<Abandoned>> ReadAbandonedAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Abandoned>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(new Abandoned(
                new RecipientId(new MessageId(reader.GetGuid(0)), reader.GetInt16(1)), reader.GetInt32(2), reader.GetInt64(3),
                reader.GetFieldValue<DateTimeOffset>(4)));
        }

        return rows;
    }

    // Names the lease it takes back: attempts, and the node, so that two sweepers do no harm; and its time, so that a holder who came
    // back meanwhile and lengthened it keeps it.
    private const string ReclaimSql = """
        UPDATE outbox AS r
           SET state = 'queued', node_id = NULL, leased_until = NULL, due_at = b.due_at
          FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
                AS b(message_id, n, attempt, node_id, leased_until, due_at)
         WHERE r.message_id = b.message_id AND r.n = b.n AND r.attempts = b.attempt
           AND r.node_id = b.node_id AND r.leased_until = b.leased_until AND r.state = 'leased'
        """;

    /// <summary>Puts abandoned leases back into the queue. The attempt stays counted: it may have been made.</summary>
    public async Task<int> ReclaimAsync(
        IReadOnlyList<(Abandoned Lease, DateTimeOffset DueAt)> leases, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ReclaimSql);
        command.Parameters.Add(leases.Column(l => l.Lease.Id.Message.Value));
        command.Parameters.Add(leases.Column(l => l.Lease.Id.N));
        command.Parameters.Add(leases.Column(l => l.Lease.Attempt));
        command.Parameters.Add(leases.Column(l => l.Lease.NodeId));
        command.Parameters.Add(leases.Column(l => l.Lease.LeasedUntil.UtcDateTime));
        command.Parameters.Add(leases.Column(l => l.DueAt.UtcDateTime));
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>A lease without a holder.</summary>
public readonly record struct Abandoned(RecipientId Id, int Attempt, long NodeId, DateTimeOffset LeasedUntil);
