using System.Text.Json;
using EmailService.Platform;
using EmailService.Platform.Http;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Steer;

/// <summary>Writes and reads <c>node_status</c>, <c>lane_status</c> and <c>lane_wakes</c>: how processes tell each other what their lanes do.</summary>
public sealed class LaneStatusStore(NpgsqlDataSource db, PlatformOptions platform, TimeProvider time)
{
    /// <summary>A wish to try a lane now is known to every node by then.</summary>
    private static readonly TimeSpan WakeAge = TimeSpan.FromMinutes(1);

    private const string TellSql = """
        WITH node AS (
            INSERT INTO node_status (node_id, at, status) VALUES ($1, $2, $3)
            ON CONFLICT (node_id) DO UPDATE SET at = excluded.at, status = excluded.status),
        gone AS (
            DELETE FROM lane_status WHERE node_id = $1 AND lane = ANY ($6))
        INSERT INTO lane_status (lane, node_id, at, status)
        SELECT lane, $1, $2, status::jsonb FROM unnest($4::text[], $5::text[]) AS t (lane, status)
        ON CONFLICT (node_id, lane) DO UPDATE SET at = excluded.at, status = excluded.status
        """;

    /// <summary>Writes what changed since this process told it last.</summary>
    /// <param name="lanes">Each lane with its status as <see cref="Write"/> made it.</param>
    /// <param name="gone">Lanes of which there is nothing to tell any more.</param>
    public async Task TellAsync(
        long nodeId, NodeStatus node, IReadOnlyList<(string Lane, string Status)> lanes, IReadOnlyList<string> gone, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(TellSql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Jsonb, Value = JsonSerializer.Serialize(node, ApiJson.Options) });
        command.Parameters.Add(lanes.TextColumn(l => l.Lane));
        command.Parameters.Add(lanes.TextColumn(l => l.Status));
        command.Parameters.Add(gone.TextColumn(l => l));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static string Write(LaneStatus status) => JsonSerializer.Serialize(status, ApiJson.Options);

    // What somebody writes is not of the dead, and what another removes is removed.
    private const string ForgetDeadSql = """
        WITH lanes AS (
            DELETE FROM lane_status WHERE (node_id, lane) IN (
                SELECT node_id, lane FROM lane_status
                 WHERE node_id <> $1 AND node_id NOT IN (SELECT id FROM live_nodes($2)) FOR UPDATE SKIP LOCKED)),
        wakes AS (
            DELETE FROM lane_wakes WHERE lane IN (SELECT lane FROM lane_wakes WHERE at < $3 FOR UPDATE SKIP LOCKED))
        DELETE FROM node_status WHERE node_id IN (
            SELECT node_id FROM node_status
             WHERE node_id <> $1 AND node_id NOT IN (SELECT id FROM live_nodes($2)) FOR UPDATE SKIP LOCKED)
        """;

    /// <summary>Removes what dead processes said, and wishes that everybody knows.</summary>
    public async Task ForgetDeadAsync(long nodeId, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ForgetDeadSql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = platform.LeaseTimeToLive });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (time.GetUtcNow() - 10 * WakeAge).UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string ForgetSql = """
        WITH lanes AS (DELETE FROM lane_status WHERE node_id = $1)
        DELETE FROM node_status WHERE node_id = $1
        """;

    /// <summary>A process that stops has nothing more to say.</summary>
    public async Task ForgetAsync(long nodeId, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ForgetSql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = nodeId });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string NodesSql = """
        SELECT n.id, n.host, n.process_id, s.status::text
          FROM live_nodes($1) AS l JOIN nodes AS n ON n.id = l.id LEFT JOIN node_status AS s ON s.node_id = n.id
         WHERE 'deliver' = ANY (n.roles)
         ORDER BY n.id
        """;

    /// <summary>The live processes that deliver.</summary>
    public async Task<List<NodeSeen>> NodesAsync(CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(NodesSql);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = platform.LeaseTimeToLive });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var nodes = new List<NodeSeen>();
        while (await reader.ReadAsync(cancellationToken))
        {
            nodes.Add(new NodeSeen(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.IsDBNull(3) ? null : Read<NodeStatus>(reader.GetString(3))));
        }

        return nodes;
    }

    private const string LanesSql = """
        SELECT s.node_id, s.status::text
          FROM live_nodes($1) AS l JOIN lane_status AS s ON s.node_id = l.id
         WHERE $2::text[] IS NULL OR s.lane = ANY ($2) OR jsonb_exists_any(s.status -> 'domains', $2)
         ORDER BY s.lane, s.node_id
        """;

    /// <summary>What live processes say of their lanes.</summary>
    /// <param name="names">Lanes, or domains whose mail goes into them; null for all.</param>
    public async Task<List<LaneSeen>> LanesAsync(IReadOnlyList<string>? names, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(LanesSql);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = platform.LeaseTimeToLive });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = (object?)names?.ToArray() ?? DBNull.Value });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var lanes = new List<LaneSeen>();
        while (await reader.ReadAsync(cancellationToken))
        {
            if (Read<LaneStatus>(reader.GetString(1)) is { } status)
            {
                lanes.Add(new LaneSeen(reader.GetInt64(0), status));
            }
        }

        return lanes;
    }

    private const string WakeSql = """
        INSERT INTO lane_wakes (lane, at) SELECT lane, $2 FROM unnest($1::text[]) AS t (lane)
        ON CONFLICT (lane) DO UPDATE SET at = excluded.at
        """;

    /// <summary>Ends the rests of these lanes on every node, within about a second.</summary>
    public async Task WakeAsync(IReadOnlyCollection<string> lanes, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(WakeSql);
        command.Parameters.Add(lanes.Order(StringComparer.Ordinal).ToList().TextColumn(l => l));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = time.GetUtcNow().UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string WakesSql = "SELECT lane, at FROM lane_wakes WHERE at > $1";

    /// <summary>Lanes to try now, and since when that is wished.</summary>
    public async Task<List<(string Lane, DateTimeOffset At)>> WakesAsync(CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(WakesSql);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (time.GetUtcNow() - WakeAge).UtcDateTime });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var wakes = new List<(string, DateTimeOffset)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            wakes.Add((reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1)));
        }

        return wakes;
    }

    // A process of another version may say what this one can't read: better nothing than no page at all.
    private static T? Read<T>(string json)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, ApiJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
