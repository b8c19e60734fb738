using System.Text.Json;
using EmailService.Platform;
using EmailService.Platform.Http;
using Npgsql;

namespace EmailService.Deliver;

/// <summary>Writes and reads <c>lane_paces</c>.</summary>
public sealed class PaceStore(NpgsqlDataSource db, PlatformOptions platform) : IPaceStore
{
    private const string ExchangeSql = """
        WITH gone AS (
            DELETE FROM lane_paces WHERE node_id = $1 AND lane = ANY ($5)),
        told AS (
            INSERT INTO lane_paces (lane, node_id, pace)
            SELECT lane, $1, pace::jsonb FROM unnest($3::text[], $4::text[]) AS t (lane, pace)
            ON CONFLICT (node_id, lane) DO UPDATE SET pace = excluded.pace)
        SELECT p.lane, p.pace::text FROM live_nodes($2) AS live JOIN lane_paces AS p ON p.node_id = live.id WHERE p.node_id <> $1
        """;

    // What somebody writes is not of the dead.
    private const string ForgetDeadSql = """
        DELETE FROM lane_paces WHERE (node_id, lane) IN (
            SELECT node_id, lane FROM lane_paces
             WHERE node_id <> $1 AND node_id NOT IN (SELECT id FROM live_nodes($2)) FOR UPDATE SKIP LOCKED)
        """;

    public async Task<List<(string Lane, PaceTold Told)>> ExchangeAsync(
        long nodeId, IReadOnlyList<(string Lane, PaceTold Told)> changed, IReadOnlyList<string> gone, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ExchangeSql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = platform.LeaseTimeToLive });
        command.Parameters.Add(changed.TextColumn(c => c.Lane));
        command.Parameters.Add(changed.TextColumn(c => JsonSerializer.Serialize(c.Told, ApiJson.Options)));
        command.Parameters.Add(gone.TextColumn(g => g));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var heard = new List<(string, PaceTold)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            if (Read(reader.GetString(1)) is { IsSound: true } told)
            {
                heard.Add((reader.GetString(0), told));
            }
        }

        return heard;
    }

    public async Task ForgetDeadAsync(long nodeId, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ForgetDeadSql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = platform.LeaseTimeToLive });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task ForgetAsync(long nodeId, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand("DELETE FROM lane_paces WHERE node_id = $1");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // A process of another version may say what this one can't read: then it learns by itself.
    private static PaceTold? Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<PaceTold>(json, ApiJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
