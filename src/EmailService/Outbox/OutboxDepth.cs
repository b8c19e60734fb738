using EmailService.Platform;
using Npgsql;

namespace EmailService.Outbox;

/// <summary>How much waits in a lane of the table.</summary>
/// <param name="Due">Recipients that are due, up to the bound.</param>
/// <param name="Later">Recipients that are due later, up to the bound.</param>
public readonly record struct LaneDepth(string Lane, int Due, int Later);

/// <summary>Counts what waits. Counting stops at a bound, so that looking at a long queue does not cost more than working on it.</summary>
public sealed class OutboxDepth(NpgsqlDataSource db, TimeProvider time)
{
    // Index outbox_due, index only as far as the visibility map goes; one range for each stream.
    private const string CountLanesSql = """
        SELECT want.lane,
               (SELECT count(*)::int FROM (
                   SELECT FROM (VALUES (0), (1)) AS stream(priority) CROSS JOIN LATERAL (
                       SELECT FROM outbox AS o
                        WHERE o.state = 'queued' AND o.lane = want.lane AND o.priority = stream.priority AND o.due_at <= $2 LIMIT $3) AS one LIMIT $3) AS due),
               (SELECT count(*)::int FROM (
                   SELECT FROM (VALUES (0), (1)) AS stream(priority) CROSS JOIN LATERAL (
                       SELECT FROM outbox AS o
                        WHERE o.state = 'queued' AND o.lane = want.lane AND o.priority = stream.priority AND o.due_at > $2 LIMIT $3) AS one LIMIT $3) AS later)
          FROM unnest($1::text[]) AS want (lane)
        """;

    public async Task<List<LaneDepth>> CountAsync(IReadOnlyList<string> lanes, int most, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(CountLanesSql);
        command.Parameters.Add(lanes.Column(l => l));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var depths = new List<LaneDepth>();
        while (await reader.ReadAsync(cancellationToken))
        {
            depths.Add(new LaneDepth(reader.GetString(0), reader.GetInt32(1), reader.GetInt32(2)));
        }

        return depths;
    }

    private const string CountMeantSql = """
        SELECT count(*)::int FROM (
            SELECT FROM outbox AS o
             WHERE (o.message_id, o.n) > ($1, $2) AND o.message_id <= $3
               AND ($5::int IS NULL OR o.account_id = $5) AND ($6::text IS NULL OR right(o.address, length($6)) = $6)
               AND ($7::smallint IS NULL OR o.n = $7) AND ($8::text[] IS NULL OR o.lane = ANY ($8))
             LIMIT $4) AS meant
        """;

    /// <summary>How many recipients are meant, up to <see cref="OutboxSelection.PartRows"/>. Primary key.</summary>
    public async Task<int> CountAsync(OutboxSelection selection, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(CountMeantSql);
        selection.AddTo(command.Parameters, selection.Start);
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
