using System.Data;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Steer;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Report;

/// <summary>Reads one message from all the tables it lives in: seven statements in one round trip and one
/// snapshot, so that a recipient settled meanwhile is neither missed nor told twice.</summary>
public sealed class MessageReportStore(NpgsqlDataSource database, LaneFactsReader lanes, TimeProvider time, PlatformOptions platform)
{
    private const int MostAttempts = 2000;
    private const int MostEvents = 5000;

    // Each is served by the primary key or the (message_id, n) index of one partition.
    private const string MessageSql = """
        SELECT id, created_at, send_at, from_address, subject, size, on_unknown, categories, custom_args::text,
               personalization, recipient_count, stream, ip_pool
          FROM messages WHERE id = $1 AND account_id = $2
        """;

    private const string OpenSql = """
        SELECT o.n, o.address, o.lane, o.state, o.due_at, o.expires_at, o.attempts, o.last_attempt_at, o.last_reply,
               o.node_id, node.host, node.process_id, o.node_id IN (SELECT id FROM live_nodes($4)), o.leased_until
          FROM outbox AS o LEFT JOIN nodes AS node ON node.id = o.node_id
         WHERE o.message_id = $1 AND o.account_id = $2 AND ($3::smallint IS NULL OR o.n = $3)
         ORDER BY o.n
        """;

    // Index outbox_turns (lane, priority, account_id, due_at). Twenty recipients and a thousand rows each bound what this may read; account and time are
    // compared as a row, and ordered by, as where the store of the outbox claims, or all of another account's may be read for the few of this. Accounts take turns,
    // so what others have due is not before it; nor is it for this account to see. Of bulk mail only the bulk before it is counted: how much of the
    // other stream will overtake it nobody knows.
    private const string AheadSql = """
        SELECT r.n, (SELECT count(*)::int
                       FROM (SELECT FROM outbox AS other
                              WHERE other.lane = r.lane AND other.priority = r.priority AND other.state = 'queued'
                                AND (other.account_id, other.due_at) >= (r.account_id, '-infinity')
                                AND (other.account_id, other.due_at) < (r.account_id, r.due_at)
                              ORDER BY other.account_id, other.due_at
                              LIMIT $4) AS counted)
          FROM (SELECT n, lane, priority, account_id, due_at FROM outbox
                 WHERE message_id = $1 AND account_id = $2 AND state = 'queued' AND ($3::smallint IS NULL OR n = $3)
                 ORDER BY n LIMIT 20) AS r
        """;

    private const string SettledSql = """
        SELECT n, address, state, settled_at, reply
          FROM settled WHERE message_id = $1 AND account_id = $2 AND ($3::smallint IS NULL OR n = $3) ORDER BY n
        """;

    // The transcript of one session stands in the row of each of its recipients: for a long envelope only on request.
    private const string AttemptsSql = """
        SELECT n, attempt, step, started_at, duration_ms, mail_host, remote, stage, disposition, scope, reply,
               reply_is_ours, tls,
               CASE WHEN $3::smallint IS NOT NULL OR (SELECT recipient_count FROM messages WHERE id = $1) <= 20
                    THEN transcript END,
               tls_verdict, egress_source
          FROM attempts
         WHERE message_id = $1 AND ($3::smallint IS NULL OR n = $3)
           AND EXISTS (SELECT FROM messages WHERE id = $1 AND account_id = $2)
         ORDER BY n, attempt, step LIMIT $4
        """;

    private const string EventsSql = $"""
        SELECT {EventRow.Columns}
          FROM events WHERE message_id = $1 AND account_id = $2 AND ($3::smallint IS NULL OR n = $3)
         ORDER BY xact, id LIMIT $4
        """;

    private const string DeliversSql = """
        SELECT EXISTS (SELECT FROM live_nodes($1) AS alive JOIN nodes USING (id)
                        WHERE 'deliver' = ANY (SELECT lower(role) FROM unnest(nodes.roles) AS role))
        """;

    /// <summary>The message, or null when this account has none of that id.</summary>
    /// <param name="accountId">Whose it must be.</param>
    /// <param name="id">Which.</param>
    /// <param name="n">Only this recipient; null for all.</param>
    /// <param name="cancel">Ends the reading.</param>
    public async Task<MessageReport?> FindAsync(int accountId, MessageId id, short? n, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(Command(MessageSql));
        batch.BatchCommands.Add(Command(OpenSql, N(n), new() { Value = platform.LeaseTimeToLive }));
        batch.BatchCommands.Add(Command(AheadSql, N(n), new() { Value = WhyStillHere.CountLimit }));
        batch.BatchCommands.Add(Command(SettledSql, N(n)));
        batch.BatchCommands.Add(Command(AttemptsSql, N(n), new() { Value = MostAttempts + 1 }));
        batch.BatchCommands.Add(Command(EventsSql, N(n), new() { Value = MostEvents + 1 }));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(DeliversSql) { Parameters = { new() { Value = platform.LeaseTimeToLive } } });

        await using var reader = await batch.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel))
        {
            return null;
        }

        var message = MessageReportRows.Message(reader);
        await reader.NextResultAsync(cancel);
        var open = await ListAsync(reader, MessageReportRows.Open, cancel);
        var ahead = (await ListAsync(reader, row => (N: row.GetInt16(0), Count: row.GetInt32(1)), cancel)).ToDictionary(row => row.N, row => row.Count);
        var settled = await ListAsync(reader, MessageReportRows.Settled, cancel);
        var attempts = await ListAsync(reader, MessageReportRows.Attempt, cancel);
        var events = await ListAsync(reader, row => EventRow.Read(row, 0), cancel);
        await reader.ReadAsync(cancel);
        var somebodyDelivers = reader.GetBoolean(0);
        await reader.CloseAsync();
        await transaction.CommitAsync(cancel);
        await connection.CloseAsync();
        var facts = await lanes.ReadAsync([.. open.Select(row => row.Lane).Distinct()], cancel);

        var now = time.GetUtcNow();
        var attemptsOf = attempts.Take(MostAttempts).ToLookup(row => row.N, row => row.Attempt);
        var eventsOf = events.Take(MostEvents).ToLookup(row => row.N);
        var recipients = open
            .Select(row => row with { Ahead = ahead.TryGetValue(row.N, out var count) ? count : null })
            .Select(row => new RecipientReport
            {
                N = row.N,
                Email = row.Address,
                State = ReportedState.Of(row.State, row.Attempts, message.SendAt, now),
                Reply = row.LastReply,
                Why = WhyStillHere.Explain(
                    row, message.SendAt, somebodyDelivers, facts.Of(new RecipientId(id, row.N), row.Lane, row.Address, accountId, row.HeldBy?.NodeId),
                    attemptsOf[row.N].LastOrDefault(attempt => attempt.TlsVerdict is not null)?.TlsVerdict, now),
                Attempts = [],
                Events = [],
            })
            .Concat(settled)
            .OrderBy(row => row.N)
            .Select(row => row with
            {
                Kind = message.Kinds?.Invoke(row.N),
                Attempts = [.. attemptsOf[row.N]],
                Events = [.. eventsOf[row.N]],
            })
            .ToList();
        return message.Report with
        {
            Recipients = recipients,
            Shortened = attempts.Count > MostAttempts || events.Count > MostEvents
                || (n is null && message.Report.RecipientCount > 20 && attempts.Count > 0),
        };

        NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<NpgsqlParameter> more)
        {
            var command = new NpgsqlBatchCommand(sql)
            {
                Parameters = { new() { Value = id.Value }, new() { Value = accountId } },
            };
            foreach (var parameter in more)
            {
                command.Parameters.Add(parameter);
            }

            return command;
        }
    }

    private static NpgsqlParameter N(short? n) =>
        new() { NpgsqlDbType = NpgsqlDbType.Smallint, Value = n is { } value ? value : DBNull.Value };

    private static async Task<List<T>> ListAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken cancel)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(read(reader));
        }

        await reader.NextResultAsync(cancel);
        return rows;
    }
}
