using EmailService.Messages;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Report;

/// <summary>Some events of one account in the log's order, and where to go on.</summary>
public sealed record EventPage(IReadOnlyList<FeedEvent> Events, LogPosition Next);

/// <summary>Which events are asked for.</summary>
public sealed record EventQuery
{
    /// <summary>Null for those of all accounts.</summary>
    public required int? AccountId { get; init; }
    public LogPosition After { get; init; } = LogPosition.Start;
    public int Limit { get; init; } = 100;
    public EventKind? Kind { get; init; }
    public MessageId? MessageId { get; init; }

    /// <summary>One of these kinds; null for any.</summary>
    public IReadOnlyList<EventKind>? Kinds { get; init; }

    /// <summary>The recipient's domain, in lower-case ASCII.</summary>
    public string? Domain { get; init; }
}

/// <summary>Reads the event log forward. It never passes over a transaction that commits late: it stops below the
/// oldest one still running, whatever that one may have written already.</summary>
public sealed class EventFeedStore(NpgsqlDataSource database)
{
    // The boundary and the rows come from one statement, so from one snapshot. It is told even when there are no
    // rows: all below it was read, so the next reading starts there instead of passing what did not match again.
    // Index events_order, or events_message when a message is named.
    private const string Sql = $"""
        WITH boundary AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin)
        SELECT boundary.xmin, page.*
          FROM boundary LEFT JOIN LATERAL (
            SELECT {EventRow.Columns}
              FROM events
             WHERE (xact, id) > ($1, $2) AND xact < boundary.xmin
        """;

    private const string OfAccount = " AND account_id = $3";
    private const string OfKind = " AND kind = $5";
    private const string OfMessage = " AND message_id = $6";
    private const string OfKinds = " AND kind = ANY ($7)";
    private const string OfDomain = " AND right(address, length($8)) = $8";
    private const string InOrder = " ORDER BY xact, id LIMIT $4) AS page ON true";

    private const string EndSql = "SELECT pg_snapshot_xmin(pg_current_snapshot())";

    /// <summary>The place before which all is known, and behind which all that comes lies.</summary>
    public async Task<LogPosition> EndAsync(CancellationToken cancel)
    {
        await using var command = database.CreateCommand(EndSql);
        return LogPosition.Before((ulong)(await command.ExecuteScalarAsync(cancel))!);
    }

    public async Task<EventPage> ReadAsync(EventQuery query, CancellationToken cancel)
    {
        var sql = string.Concat((string[])
        [
            Sql, query.AccountId is null ? "" : OfAccount, query.Kind is null ? "" : OfKind, query.MessageId is null ? "" : OfMessage,
            query.Kinds is null ? "" : OfKinds, query.Domain is null ? "" : OfDomain, InOrder,
        ]);
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Xid8, Value = query.After.Xact });
        command.Parameters.Add(new() { Value = query.After.Id });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer, Value = (object?)query.AccountId ?? DBNull.Value });
        command.Parameters.Add(new() { Value = query.Limit });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)query.Kind?.ToName() ?? DBNull.Value });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Uuid, Value = (object?)query.MessageId?.Value ?? DBNull.Value });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = (object?)query.Kinds?.Select(Names.ToName).ToArray() ?? DBNull.Value });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = query.Domain is null ? DBNull.Value : "@" + query.Domain });

        var events = new List<FeedEvent>();
        var boundary = query.After;
        var last = query.After;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            boundary = LogPosition.Before(reader.GetFieldValue<ulong>(0));
            if (!reader.IsDBNull(1))
            {
                events.Add(EventRow.Read(reader, 1));
                last = new LogPosition(reader.GetFieldValue<ulong>(1), reader.GetInt64(2));
            }
        }

        // A full page may have more behind it. A cursor from before a restored backup may be ahead of the log: keep it.
        var next = events.Count == query.Limit || boundary.Xact <= query.After.Xact ? last : boundary;
        return new EventPage(events, next);
    }
}
