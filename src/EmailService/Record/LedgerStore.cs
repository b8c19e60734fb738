using EmailService.Messages;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Record;

/// <summary>The one statement by which outcomes become facts. It belongs to three tables of ours and moves
/// the outbox's row with them, because state, attempt and event commit together or not at all.</summary>
public sealed class LedgerStore(NpgsqlDataSource db) : ILedgerStore
{
    // Primary key of outbox. Only rows whose lease is still the one named are touched, and attempts and
    // events follow from the rows that were: a statement that is repeated because its answer was lost
    // finds nothing to do. A row that is kept keeps its number too, so a repeat is known by the time of
    // the attempt; that the row is queued says nothing, a sweep may have taken it back from a slow worker.
    // One sort gives "processed" its place before the outcome in the log.
    // An address that was never delivered to is suppressed by one refusal, one that was by two, a day apart and without a delivery
    // between them: a host that loses its list of users for an hour must not cost a living address. Index settled_address.
    private const string SettleSql = """
        WITH o AS MATERIALIZED (
            SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::text[], $5::timestamptz[], $6::text[],
                                 $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $28::text[], $30::text[])
                AS t(message_id, n, attempt, state, due_at, kind, at, processed_at, lane, reply, detail, suppress, egress_source)),
        gone AS (
            DELETE FROM outbox AS q USING o
             WHERE q.message_id = o.message_id AND q.n = o.n AND q.attempts = o.attempt AND o.state IS NOT NULL
            RETURNING q.message_id, q.n, q.account_id, q.address, q.attempts, o.state, o.kind, o.at, o.processed_at, o.reply, o.detail, o.suppress),
        kept AS (
            UPDATE outbox AS q
               SET state = 'queued', node_id = NULL, leased_until = NULL, due_at = o.due_at, processed = q.processed OR o.processed_at IS NOT NULL,
                   lane = COALESCE(o.lane, q.lane), egress_source = COALESCE(o.egress_source, q.egress_source), last_attempt_at = o.at, last_reply = o.reply
              FROM o
             WHERE q.message_id = o.message_id AND q.n = o.n AND q.attempts = o.attempt AND o.state IS NULL
               AND (q.state = 'leased' OR q.last_attempt_at IS DISTINCT FROM o.at)
            RETURNING q.message_id, q.n, q.account_id, q.address, q.attempts, NULL::text AS state, o.kind, o.at, o.processed_at, o.reply, o.detail, NULL::text AS suppress),
        done AS MATERIALIZED (
            SELECT * FROM gone UNION ALL SELECT * FROM kept),
        ended AS (
            INSERT INTO settled (message_id, n, account_id, address, state, settled_at, attempts, reply)
            SELECT message_id, n, account_id, address, state, at, attempts, reply FROM done WHERE state IS NOT NULL),
        refused AS (
            SELECT DISTINCT ON (account_id, lower(address)) account_id, lower(address) AS address, suppress, reply, message_id, at,
                   (SELECT max(s.settled_at) FROM settled AS s
                     WHERE lower(s.address) = lower(gone.address) AND s.account_id = gone.account_id AND s.state = 'delivered') AS delivered_at
              FROM gone WHERE suppress IS NOT NULL
             ORDER BY account_id, lower(address)),
        suppressed AS (
            INSERT INTO suppressions AS s (account_id, address, reason, reply, message_id, bounced_at, delivered_at, since)
            SELECT account_id, address, suppress, reply, message_id, at, delivered_at, CASE WHEN delivered_at IS NULL THEN at END FROM refused
                ON CONFLICT (account_id, address) DO UPDATE
               SET (reason, reply, message_id, delivered_at) = (excluded.reason, excluded.reply, excluded.message_id, excluded.delivered_at),
                   bounced_at = CASE WHEN excluded.delivered_at > s.bounced_at THEN excluded.bounced_at ELSE s.bounced_at END,
                   since = CASE WHEN excluded.delivered_at > s.bounced_at OR excluded.bounced_at < s.bounced_at + $29 THEN NULL ELSE excluded.bounced_at END
             WHERE s.since IS NULL),
        tried AS (
            INSERT INTO attempts (message_id, n, attempt, step, started_at, duration_ms, disposition, scope, stage,
                                  mail_host, remote, reply, reply_is_ours, tls, transcript, tls_verdict, egress_source)
            SELECT s.message_id, s.n, s.attempt, s.step, s.started_at, s.duration_ms, s.disposition, s.scope, s.stage,
                   s.mail_host, s.remote, s.reply, s.reply_is_ours, s.tls, s.transcript, s.tls_verdict::jsonb, s.egress_source
              FROM unnest($12::uuid[], $13::smallint[], $14::int[], $15::smallint[], $16::timestamptz[], $17::int[], $18::text[],
                                   $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::boolean[], $25::text[], $26::text[], $27::text[],
                                   $31::text[])
                AS s(message_id, n, attempt, step, started_at, duration_ms, disposition, scope, stage,
                     mail_host, remote, reply, reply_is_ours, tls, transcript, tls_verdict, egress_source)
              JOIN done ON done.message_id = s.message_id AND done.n = s.n AND done.attempts = s.attempt),
        told AS (
            INSERT INTO events (message_id, n, account_id, kind, at, address, attempt, detail)
            SELECT message_id, n, account_id, kind, at, address, attempt, detail
              FROM (SELECT message_id, n, account_id, 'processed' AS kind, processed_at AS at, address, attempts AS attempt, NULL::jsonb AS detail, 0 AS place
                      FROM done WHERE processed_at IS NOT NULL
                    UNION ALL
                    SELECT message_id, n, account_id, kind, at, address, attempts, detail::jsonb, 1 FROM done) AS e
             ORDER BY message_id, n, place)
        SELECT count(*) FROM done
        """;

    /// <summary>Between the refusals that suppress an address which has taken mail before.</summary>
    public static readonly TimeSpan BetweenRefusals = TimeSpan.FromDays(1);

    /// <summary>Commits outcomes. Returns how many leases were still held; the others were ended by
    /// somebody else, or by an earlier run of the same statement.</summary>
    public async Task<int> SettleAsync(IReadOnlyList<Settlement> settlements, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(SettleSql);
        var p = command.Parameters;
        p.Add(settlements.Column(s => s.Recipient.Message.Value));
        p.Add(settlements.Column(s => s.Recipient.N));
        p.Add(settlements.Column(s => s.Attempt));
        p.Add(settlements.TextColumn(s => s.End?.ToName()));
        p.Add(settlements.Column(s => s.DueAt?.UtcDateTime));
        p.Add(settlements.TextColumn(s => s.Event.ToName()));
        p.Add(settlements.Column(s => s.At.UtcDateTime));
        p.Add(settlements.Column(s => s.ProcessedAt?.UtcDateTime));
        p.Add(settlements.TextColumn(s => s.Lane));
        p.Add(settlements.TextColumn(s => s.Reply));
        p.Add(settlements.TextColumn(s => s.DetailJson));

        var steps = settlements.SelectMany(s => s.Steps.Select((step, i) => (Of: s, Number: i, Step: step))).ToList();
        p.Add(steps.Column(s => s.Of.Recipient.Message.Value));
        p.Add(steps.Column(s => s.Of.Recipient.N));
        p.Add(steps.Column(s => s.Of.Attempt));
        p.Add(steps.Column(s => (short)s.Number));
        p.Add(steps.Column(s => s.Step.StartedAt.UtcDateTime));
        p.Add(steps.Column(s => (int)s.Step.Duration.TotalMilliseconds));
        p.Add(steps.TextColumn(s => s.Step.Disposition.ToName()));
        p.Add(steps.TextColumn(s => s.Step.Scope?.ToName()));
        p.Add(steps.TextColumn(s => s.Step.Stage));
        p.Add(steps.TextColumn(s => s.Step.MailHost));
        p.Add(steps.TextColumn(s => s.Step.Remote));
        p.Add(steps.TextColumn(s => s.Step.Reply));
        p.Add(steps.Column(s => s.Step.ReplyIsOurs));
        p.Add(steps.TextColumn(s => s.Step.Tls));
        p.Add(steps.TextColumn(s => s.Step.Transcript));
        p.Add(steps.TextColumn(s => s.Step.TlsVerdict));
        p.Add(settlements.TextColumn(s => s.SuppressAs));
        p.Add(new NpgsqlParameter<TimeSpan> { TypedValue = BetweenRefusals });
        p.Add(settlements.TextColumn(s => s.EgressSource));
        p.Add(steps.TextColumn(s => s.Of.EgressSource));
        return (int)(long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
