using Npgsql;
using NpgsqlTypes;

namespace EmailService.Platform.Jobs;

/// <summary>Reads and writes the table <c>jobs</c>, and reads from the scheduler's tables when a job is due.</summary>
public sealed class JobStore(NpgsqlDataSource database, IEnumerable<JobDefinition> jobs)
{
    /// <summary>The name of the scheduler that all nodes of a database share.</summary>
    internal const string SchedulerName = "emailservice";

    private const string StartSql = """
        INSERT INTO jobs (name, last_started_at, node_id) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET last_started_at = excluded.last_started_at, node_id = excluded.node_id
        """;

    internal Task StartAsync(string name, DateTimeOffset now, long nodeId, CancellationToken cancellation) =>
        ExecuteAsync(StartSql, cancellation, Text(name), Time(now),
            new() { Value = nodeId == 0 ? DBNull.Value : nodeId, NpgsqlDbType = NpgsqlDbType.Bigint });

    private const string FinishSql = "UPDATE jobs SET last_finished_at = $2, last_ok = $3, last_result = $4 WHERE name = $1";

    internal Task FinishAsync(string name, DateTimeOffset now, JobRun run, CancellationToken cancellation) =>
        ExecuteAsync(FinishSql, cancellation, Text(name), Time(now), new() { Value = run.Ok }, Text(run.Result));

    private const string ListSql = """
        SELECT w.name, j.last_started_at, j.last_finished_at, j.last_ok, j.last_result, j.node_id,
               (SELECT min(t.next_fire_time) FROM qrtz_triggers AS t WHERE t.sched_name = $2 AND t.job_name = w.name AND t.next_fire_time > 0)
          FROM unnest($1) AS w (name) LEFT JOIN jobs AS j ON j.name = w.name
         ORDER BY w.name
        """;

    /// <summary>Every job of this program, by name.</summary>
    public async Task<IReadOnlyList<JobStatus>> ListAsync(CancellationToken cancellation)
    {
        var schedules = jobs.ToDictionary(job => job.Name, job => job.Schedule);
        await using var command = database.CreateCommand(ListSql);
        command.Parameters.Add(new() { Value = schedules.Keys.ToArray() });
        command.Parameters.Add(Text(SchedulerName));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var list = new List<JobStatus>();
        while (await reader.ReadAsync(cancellation))
        {
            var (started, finished) = (At(1), At(2));
            list.Add(new JobStatus(
                reader.GetString(0), schedules[reader.GetString(0)], started is not null && (finished is null || finished < started), started, finished,
                reader.IsDBNull(3) ? null : reader.GetBoolean(3), reader.IsDBNull(4) ? null : reader.GetString(4),
                reader.IsDBNull(5) ? null : reader.GetInt64(5),
                reader.IsDBNull(6) ? null : new DateTimeOffset(reader.GetInt64(6), TimeSpan.Zero)));
        }

        return list;

        DateTimeOffset? At(int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
#pragma warning disable CA2100 // One of the constants above.
        await using var command = database.CreateCommand(sql);
#pragma warning restore CA2100
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static NpgsqlParameter Text(string value) => new() { Value = value };

    private static NpgsqlParameter Time(DateTimeOffset value) => new() { Value = value.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
