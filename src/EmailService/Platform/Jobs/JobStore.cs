using Npgsql;
using NpgsqlTypes;

namespace EmailService.Platform.Jobs;

/// <summary>Reads and writes the table <c>jobs</c>, and reads from the scheduler's tables when a job is due.</summary>
public sealed class JobStore(NpgsqlDataSource database, IEnumerable<JobDefinition> jobs)
{
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
        SELECT w.name, j.last_started_at, j.last_finished_at, j.last_ok, j.last_result, j.node_id, to_regclass('hangfire.set') IS NOT NULL
          FROM unnest($1) AS w (name) LEFT JOIN jobs AS j ON j.name = w.name
         ORDER BY w.name
        """;

    /// <summary>Every job of this program, by name.</summary>
    public async Task<IReadOnlyList<JobStatus>> ListAsync(CancellationToken cancellation)
    {
        var schedules = jobs.ToDictionary(job => job.Name, job => job.Schedule);
        var isScheduled = false;
        var list = new List<JobStatus>();
        await using (var command = database.CreateCommand(ListSql))
        {
            command.Parameters.Add(new() { Value = schedules.Keys.ToArray() });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                var (started, finished) = (At(reader, 1), At(reader, 2));
                isScheduled = reader.GetBoolean(6);
                list.Add(new JobStatus(
                    reader.GetString(0), schedules[reader.GetString(0)], started is not null && (finished is null || finished < started), started, finished,
                    reader.IsDBNull(3) ? null : reader.GetBoolean(3), reader.IsDBNull(4) ? null : reader.GetString(4),
                    reader.IsDBNull(5) ? null : reader.GetInt64(5), null));
            }
        }

        // Hangfire's tables come with the first start of a service, a little after its own.
        var due = isScheduled ? await DueAsync(cancellation) : [];
        return [.. list.Select(job => job with { NextRunAt = due.TryGetValue(job.Name, out var at) ? at : null })];
    }

    /// <summary>Hangfire's set of what recurs, with the second of its next time. Primary key: key, value.</summary>
    private const string DueSql = "SELECT value, to_timestamp(score) FROM hangfire.set WHERE key = 'recurring-jobs' AND score > 0";

    private async Task<Dictionary<string, DateTimeOffset>> DueAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(DueSql);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var due = new Dictionary<string, DateTimeOffset>();
        while (await reader.ReadAsync(cancellation))
        {
            due[reader.GetString(0)] = reader.GetFieldValue<DateTimeOffset>(1);
        }

        return due;
    }

    private static DateTimeOffset? At(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);

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
