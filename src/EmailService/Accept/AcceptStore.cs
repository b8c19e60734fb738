using System.Text.Json;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Accept;

/// <summary>The one transaction that takes responsibility: messages, their recipients in the outbox, the
/// events that say so, and the idempotency key, for as many requests as are waiting.
/// A batch without keys is one round trip.</summary>
public sealed class AcceptStore(NpgsqlDataSource db) : IAcceptStore
{
    // A key older than the period is as good as none: its row is taken over. Rows come in order of key,
    // so two transactions that share several keys wait for each other in one order.
    private const string ClaimKeysSql = """
        INSERT INTO idempotency_keys AS k (account_id, key, body_hash, request_id, answer, created_at)
        SELECT account_id, key, body_hash, request_id, answer, $6
          FROM unnest($1::int[], $2::text[], $3::bytea[], $4::uuid[], $5::text[]) AS t(account_id, key, body_hash, request_id, answer)
         ORDER BY account_id, key
            ON CONFLICT (account_id, key) DO UPDATE
           SET body_hash = excluded.body_hash, request_id = excluded.request_id,
               answer = excluded.answer, created_at = excluded.created_at
         WHERE k.created_at < $7
        RETURNING request_id
        """;

    private const string FindKeySql = """
        SELECT body_hash, request_id, answer FROM idempotency_keys WHERE account_id = $1 AND key = $2
        """;

    private const string InsertMessagesSql = """
        INSERT INTO messages (id, account_id, created_at, send_at, from_address, subject, recipient_count, size,
                              on_unknown, stream, ip_pool, categories, custom_args, personalization, content)
        SELECT id, account_id, created_at, send_at, from_address, subject, recipient_count, size, on_unknown, stream, ip_pool,
               CASE WHEN categories IS NULL THEN NULL ELSE ARRAY(SELECT jsonb_array_elements_text(categories::jsonb)) END,
               custom_args::jsonb, personalization, content
          FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::smallint[],
                      $8::int[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::bytea[])
            AS t(id, account_id, created_at, send_at, from_address, subject, recipient_count, size,
                 on_unknown, stream, ip_pool, categories, custom_args, personalization, content)
        """;

    // The outbox's rows and the log's first word on each, from the same arrays. An address that is suppressed never gets into the
    // outbox: it has come to its end, unless the request bypasses the list of bounces ($13, bit 1); then the first word says so.
    // Primary key of suppressions; the sort puts the end behind the first word.
    private const string EnqueueSql = """
        WITH r AS MATERIALIZED (
            SELECT t.*, s.reason, s.reply, s.since, s.since IS NOT NULL AND t.bypassed & 1 = 0 AS suppressed FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::text[], $5::text[],
                                 $6::timestamptz[], $7::boolean[], $8::timestamptz[], $9::timestamptz[], $12::smallint[], $13::smallint[])
                AS t(message_id, n, account_id, address, lane, due_at, leased, expires_at, at, priority, bypassed)
              LEFT JOIN suppressions AS s ON s.account_id = t.account_id AND s.address = lower(t.address) AND s.since IS NOT NULL),
        enqueued AS (
            INSERT INTO outbox (message_id, n, account_id, address, lane, priority, state, due_at, expires_at, attempts, node_id, leased_until, bypassed_lists)
            SELECT message_id, n, account_id, address, lane, priority,
                   CASE WHEN leased THEN 'leased' ELSE 'queued' END, due_at, expires_at,
                   CASE WHEN leased THEN 1 ELSE 0 END,
                   CASE WHEN leased THEN $10::bigint END,
                   CASE WHEN leased THEN $11::timestamptz END,
                   nullif(bypassed, 0)
              FROM r WHERE NOT suppressed),
        ended AS (
            INSERT INTO settled (message_id, n, account_id, address, state, settled_at, attempts, reply)
            SELECT message_id, n, account_id, address, 'suppressed', at, 0, reply FROM r WHERE suppressed),
        told AS (
            INSERT INTO events (message_id, n, account_id, kind, at, address, detail)
            SELECT message_id, n, account_id, kind, at, address, detail
              FROM (SELECT message_id, n, account_id, 'accepted' AS kind, at, address,
                           CASE WHEN since IS NOT NULL AND NOT suppressed
                                THEN jsonb_build_object('bypassed', 'Bounced Address', 'why', reason, 'reply', reply, 'since', since) END AS detail, 0 AS place
                      FROM r
                    UNION ALL
                    SELECT message_id, n, account_id, 'suppressed', at, address,
                           jsonb_build_object('reason', 'Bounced Address', 'why', reason, 'reply', reply, 'since', since), 1
                      FROM r WHERE suppressed) AS e
             ORDER BY place)
        SELECT message_id, n FROM r WHERE suppressed
        """;

    /// <summary>Commits what can be. On return each entry has its result; entries that are
    /// <see cref="AcceptResult.Accepted"/> and not repeated are in the outbox.
    /// An exception means that nothing of it is known to be committed.</summary>
    public async Task CommitAsync(
        IReadOnlyList<AcceptEntry> entries, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil,
        TimeSpan idempotencyPeriod, CancellationToken cancellationToken)
    {
        await using var connection = await db.OpenConnectionAsync(cancellationToken);
        if (!entries.Any(e => e.Key is not null))
        {
            // Sent in one go with one sync at its end, a batch is a transaction of its own.
            await using var whole = new NpgsqlBatch(connection);
            AddInserts(whole, entries, nodeId, leasedUntil);
            await StoreAsync(whole, entries, cancellationToken);
            SetAccepted(entries);
            return;
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var fresh = await ClaimKeysAsync(connection, entries, now, now - idempotencyPeriod, cancellationToken);
        if (fresh.Count > 0)
        {
            await using var batch = new NpgsqlBatch(connection, transaction);
            AddInserts(batch, fresh, nodeId, leasedUntil);
            await StoreAsync(batch, fresh, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        SetAccepted(fresh);
    }

    /// <summary>Runs the inserts, and notes which recipients are suppressed.</summary>
    private static async Task StoreAsync(NpgsqlBatch inserts, IReadOnlyList<AcceptEntry> entries, CancellationToken cancellationToken)
    {
        await using var reader = await inserts.ExecuteReaderAsync(cancellationToken);
        Dictionary<Guid, AcceptedMessage>? messages = null;
        while (await reader.ReadAsync(cancellationToken))
        {
            messages ??= entries.SelectMany(e => e.Messages).ToDictionary(m => m.Message.Id.Value);
            messages[reader.GetGuid(0)].Suppressed.Add(reader.GetInt16(1));
        }

        // To the very end: whether the commit went through is said last.
        await reader.NextResultAsync(cancellationToken);
    }

    private static void SetAccepted(IReadOnlyList<AcceptEntry> entries)
    {
        foreach (var entry in entries)
        {
            entry.Result = new AcceptResult.Accepted(entry.RequestId, entry.Answer, Repeated: false);
        }
    }

    /// <summary>Writes the keys; entries whose key was taken get their result, the others are returned.</summary>
    private static async Task<List<AcceptEntry>> ClaimKeysAsync(
        NpgsqlConnection connection, IReadOnlyList<AcceptEntry> entries, DateTimeOffset now, DateTimeOffset stale,
        CancellationToken cancellationToken)
    {
        // One statement may not touch a row twice: of several entries with the same key the first goes in,
        // the others find it there.
        var keyed = entries.Where(e => e.Key is not null)
            .GroupBy(e => (e.AccountId, e.Key!.Key)).Select(g => g.First()).ToList();
        var won = new HashSet<Guid>();
        await using (var claim = new NpgsqlCommand(ClaimKeysSql, connection))
        {
            claim.Parameters.Add(keyed.Column(e => e.AccountId));
            claim.Parameters.Add(keyed.Column(e => e.Key!.Key));
            claim.Parameters.Add(keyed.Column(e => e.Key!.BodyHash));
            claim.Parameters.Add(keyed.Column(e => e.RequestId.Value));
            claim.Parameters.Add(keyed.Column(e => e.Answer));
            claim.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
            claim.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = stale.UtcDateTime });
            await using var reader = await claim.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                won.Add(reader.GetGuid(0));
            }
        }

        var fresh = new List<AcceptEntry>();
        foreach (var entry in entries)
        {
            if (entry.Key is null || won.Contains(entry.RequestId.Value))
            {
                fresh.Add(entry);
            }
            else
            {
                entry.Result = await FindKeyAsync(connection, entry, cancellationToken);
            }
        }

        return fresh;
    }

    private static async Task<AcceptResult> FindKeyAsync(
        NpgsqlConnection connection, AcceptEntry entry, CancellationToken cancellationToken)
    {
        await using var find = new NpgsqlCommand(FindKeySql, connection);
        find.Parameters.Add(new NpgsqlParameter<int> { TypedValue = entry.AccountId });
        find.Parameters.Add(new NpgsqlParameter<string> { TypedValue = entry.Key!.Key });
        await using var reader = await find.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return new AcceptResult.Unavailable("the idempotency key was just given up; send the request again");
        }

        var requestId = new MessageId(reader.GetGuid(1));
        return reader.GetFieldValue<byte[]>(0).AsSpan().SequenceEqual(entry.Key.BodyHash)
            ? new AcceptResult.Accepted(requestId, reader.GetString(2), Repeated: true)
            : new AcceptResult.IdempotencyConflict(requestId);
    }

    private static void AddInserts(NpgsqlBatch batch, IReadOnlyList<AcceptEntry> entries, long nodeId, DateTimeOffset leasedUntil)
    {
        var messages = entries.SelectMany(e => e.Messages).ToList();
        var insert = new NpgsqlBatchCommand(InsertMessagesSql);
        insert.Parameters.Add(messages.Column(m => m.Message.Id.Value));
        insert.Parameters.Add(messages.Column(m => m.Message.AccountId));
        insert.Parameters.Add(messages.Column(m => m.Message.CreatedAt.UtcDateTime));
        insert.Parameters.Add(messages.Column(m => m.Message.SendAt?.UtcDateTime));
        insert.Parameters.Add(messages.Column(m => m.Message.From.Email));
        insert.Parameters.Add(messages.Column(m => m.Message.Subject));
        insert.Parameters.Add(messages.Column(m => (short)m.Recipients.Count));
        insert.Parameters.Add(messages.Column(m => m.Size));
        insert.Parameters.Add(messages.Column(m => m.Message.OnUnknown.ToName()));
        insert.Parameters.Add(messages.Column(m => m.Message.Stream.ToName()));
        insert.Parameters.Add(messages.TextColumn(m => m.Message.IpPool));
        insert.Parameters.Add(messages.TextColumn(m => JsonOrNull(m.Message.Categories)));
        insert.Parameters.Add(messages.TextColumn(m => JsonOrNull(m.Message.CustomArgs)));
        insert.Parameters.Add(messages.Column(m => m.StoredPersonalization));
        insert.Parameters.Add(new NpgsqlParameter
        {
            Value = messages.Select(m => m.StoredContent).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea,
        });
        batch.BatchCommands.Add(insert);

        var rows = messages.SelectMany(m => m.Recipients.Select(r => (Message: m, Recipient: r))).ToList();
        var enqueue = new NpgsqlBatchCommand(EnqueueSql);
        enqueue.Parameters.Add(rows.Column(r => r.Recipient.Id.Message.Value));
        enqueue.Parameters.Add(rows.Column(r => r.Recipient.Id.N));
        enqueue.Parameters.Add(rows.Column(r => r.Recipient.AccountId));
        enqueue.Parameters.Add(rows.Column(r => r.Recipient.Address));
        enqueue.Parameters.Add(rows.Column(r => r.Recipient.Lane));
        enqueue.Parameters.Add(rows.Column(r => r.Message.DueAt.UtcDateTime));
        enqueue.Parameters.Add(rows.Column(r => r.Message.Handed));
        enqueue.Parameters.Add(rows.Column(r => r.Recipient.ExpiresAt.UtcDateTime));
        enqueue.Parameters.Add(rows.Column(r => r.Message.Message.CreatedAt.UtcDateTime));
        enqueue.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        enqueue.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = leasedUntil.UtcDateTime });
        enqueue.Parameters.Add(rows.Column(r => (short)r.Recipient.Stream));
        enqueue.Parameters.Add(rows.Column(r => (short)r.Message.Bypassed));
        batch.BatchCommands.Add(enqueue);
    }

    private static string? JsonOrNull(IReadOnlyList<string> categories) =>
        categories.Count == 0 ? null : JsonSerializer.Serialize(categories);

    private static string? JsonOrNull(IReadOnlyDictionary<string, string> arguments) =>
        arguments.Count == 0 ? null : JsonSerializer.Serialize(arguments);
}
