using EmailService.Platform;
using Npgsql;

namespace EmailService.Steer;

/// <summary>Reads from the outbox what was said last for those that wait in a lane.</summary>
public sealed class LaneTableStore(NpgsqlDataSource db)
{
    // Index outbox_due: the first rows that it has of each lane stand for the lane.
    private const string RepliesSql = """
        SELECT want.lane, said.last_attempt_at, said.last_reply
          FROM unnest($1::text[]) AS want (lane)
         CROSS JOIN LATERAL (
               SELECT first.last_attempt_at, first.last_reply
                 FROM (SELECT o.last_attempt_at, o.last_reply FROM outbox AS o
                        WHERE o.state = 'queued' AND o.lane = want.lane LIMIT 20) AS first
                WHERE first.last_reply IS NOT NULL AND first.last_attempt_at IS NOT NULL
                ORDER BY first.last_attempt_at DESC LIMIT 5) AS said
        """;

    public async Task<ILookup<string, LaneReply>> RepliesAsync(IReadOnlyList<string> lanes, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(RepliesSql);
        command.Parameters.Add(lanes.Column(l => l));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var replies = new List<(string Lane, LaneReply Reply)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            // What waits was deferred; whose words they were stands with the attempt.
            replies.Add((reader.GetString(0), new LaneReply(reader.GetFieldValue<DateTimeOffset>(1), "deferred", reader.GetString(2), false)));
        }

        return replies.ToLookup(r => r.Lane, r => r.Reply);
    }
}
