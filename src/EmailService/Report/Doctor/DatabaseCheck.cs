using System.Globalization;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Report.Doctor;

/// <summary>Is the database there, does it keep what it commits, does anything wait in it?</summary>
internal static class DatabaseCheck
{
    /// <summary>The check whose warning says that the tables cannot be read yet.</summary>
    internal const string SchemaName = "schema";

    private const string Name = "database";

    private const string ServerSql = """
        SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_setting('fsync'),
               current_setting('synchronous_commit'), clock_timestamp(), pg_is_in_recovery()
        """;

    private const string QueueSql = """
        SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT 100000) AS open),
               (SELECT min(due_at) FROM (SELECT due_at FROM outbox WHERE state = 'queued' ORDER BY message_id LIMIT 1000) AS oldest),
               (SELECT count(*)::int FROM live_nodes($1))
        """;

    public static async Task<IReadOnlyList<Finding>> RunAsync(
        Func<CancellationToken, Task> start, NpgsqlDataSource database, PlatformOptions platform, TimeProvider time, CancellationToken cancel)
    {
        var findings = new List<Finding>();
        try
        {
            await start(cancel);
            await using var connection = await database.OpenConnectionAsync(cancel);
            await ServerAsync(connection, platform, time, findings, cancel);
            if (await MigrationRunner.FindMissingAsync(database, Migration.All, cancel) is [var first, ..] missing)
            {
                findings.Add(Finding.Warn(SchemaName, $"the tables are not those of this program yet: {missing.Count} migrations are missing, from {first} on",
                    "Start the service of this version: it brings the tables up to date. The queue and the domains were not looked at."));
                return findings;
            }

            await QueueAsync(connection, platform, time, findings, cancel);
        }
        catch (OperatorException e)
        {
            findings.Add(Finding.Fail(Name, e.Message, "Do what the message says."));
        }
        catch (NpgsqlException e)
        {
            findings.Add(Finding.Fail(Name, e.Message, platform.IsEmbedded
                ? $"Look at the log of PostgreSQL under {platform.DataPath}."
                : "Check EmailService:ConnectionString: host, port, user, password, and whether the server lets this machine in (pg_hba.conf)."));
        }

        return findings;
    }

    private static async Task ServerAsync(
        NpgsqlConnection connection, PlatformOptions platform, TimeProvider time, List<Finding> findings, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(ServerSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var version = reader.GetString(0);
        var kind = platform.IsEmbedded ? "embedded" : "external";
        findings.Add(reader.GetInt32(1) < 150000
            ? Finding.Fail(Name, $"PostgreSQL {version}, expected 15 or newer", "Upgrade the server.")
            : Finding.Ok(Name, $"PostgreSQL {version}, {kind}"));
        if (reader.GetString(2) != "on" || reader.GetString(3) is "off" or "local")
        {
            findings.Add(Finding.Fail(Name, $"fsync is {reader.GetString(2)} and synchronous_commit is {reader.GetString(3)}: a power cut would lose mail that was answered with 202",
                "Set both to on."));
        }

        if (reader.GetBoolean(5))
        {
            findings.Add(Finding.Fail(Name, "the server is a standby and takes no writes", "Connect to the primary: add Target Session Attributes=primary to the connection string."));
        }

        var ahead = (reader.GetFieldValue<DateTimeOffset>(4) - time.GetUtcNow()).Duration();
        if (ahead > TimeSpan.FromSeconds(5))
        {
            findings.Add(Finding.Warn(Name, string.Create(CultureInfo.InvariantCulture, $"its clock and ours are {ahead.TotalSeconds:0} s apart"),
                "Have both machines keep time by NTP; leases and signatures depend on it."));
        }
    }

    private static async Task QueueAsync(
        NpgsqlConnection connection, PlatformOptions platform, TimeProvider time, List<Finding> findings, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(QueueSql, connection) { Parameters = { new() { Value = platform.LeaseTimeToLive } } };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var waiting = reader.GetInt64(0);
        var nodes = reader.GetInt32(2);
        var queue = string.Create(CultureInfo.InvariantCulture, $"{waiting:N0}{(waiting == 100000 ? " or more" : "")} recipients are open, {nodes} processes are alive");
        var overdue = reader.IsDBNull(1) ? TimeSpan.Zero : time.GetUtcNow() - reader.GetFieldValue<DateTimeOffset>(1);
        findings.Add(overdue > TimeSpan.FromMinutes(10) && nodes > 0
            ? Finding.Warn("queue", string.Create(CultureInfo.InvariantCulture, $"{queue}; the oldest is overdue by {overdue.TotalMinutes:0} min"),
                "Ask GET /v1/messages?state=queued and one of them by its id: \"why\" says what it waits for.")
            : Finding.Ok("queue", queue));
    }
}
