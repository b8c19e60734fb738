using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace EmailService.TestKit;

/// <summary>A real PostgreSQL for tests: a private cluster in a temporary folder on a unix socket, or the server that
/// <c>EMAILSERVICE_TEST_POSTGRES</c> names. Gone with the process, also when the process is killed: a small shell
/// waits on a pipe that only this process holds open.</summary>
/// <remarks>Most tests want <see cref="SharedAsync"/> and <see cref="CreateDatabaseAsync"/>; tests that kill the server
/// start their own with <see cref="StartNewAsync"/>.</remarks>
public sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>A connection string to a server whose user may create databases.</summary>
    public const string EnvironmentVariable = "EMAILSERVICE_TEST_POSTGRES";

    private static readonly SemaphoreSlim SharedGate = new(1, 1);
    private static PostgresServer? shared;

    private readonly string? folder;
    private readonly string connectionString;
    private readonly SemaphoreSlim templateGate = new(1, 1);
    private readonly Dictionary<Func<string, Task>, string> templates = [];
    private Process? postmaster;
    private Process? watchdog;

    private PostgresServer(string? folder, string connectionString)
    {
        this.folder = folder;
        this.connectionString = connectionString;
    }

    /// <summary>The one server of this test process, started on first use. Do not dispose it, do not kill it.</summary>
    public static async Task<PostgresServer> SharedAsync()
    {
        await SharedGate.WaitAsync();
        try
        {
            return shared ??= Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } given
                ? new PostgresServer(null, given)
                : await StartNewAsync();
        }
        finally
        {
            SharedGate.Release();
        }
    }

    /// <summary>A private cluster. With <paramref name="durable"/> commits are flushed, as in the product.</summary>
    public static async Task<PostgresServer> StartNewAsync(bool durable = false)
    {
        var folder = $"/tmp/es-test-pg-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, lowercase: true)}";
        await PostgresProcess.RunAsync(
            "umask 077 && mkdir \"$1\" && \"$2/initdb\" -D \"$1/cluster\" -U test -A trust -E UTF8 --locale=C --no-sync >/dev/null && cat >>\"$1/cluster/postgresql.conf\"  <<END\n"
            + Settings(folder, durable) + "\nEND", folder, PostgresProcess.BinaryFolder);
        var server = new PostgresServer(folder, $"Host={folder};Username=test;Database=postgres");
        // Reads until the pipe's other end, which only we hold, closes. A session of its own: Ctrl+C must not reach it.
        server.watchdog = PostgresProcess.Start(
            "exec >/dev/null 2>&1; exec setsid sh -c 'cat; \"$2/pg_ctl\" stop -D \"$1/cluster\" -m immediate; rm -rf \"$1\"' sh \"$1\" \"$2\"",
            folder, PostgresProcess.BinaryFolder);
        await server.StartAsync();
        return server;
    }

    /// <summary>A connection string for a database of this server.</summary>
    public string ConnectionStringFor(string database) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Database = database }.ConnectionString;

    /// <summary>A new database with everything that <paramref name="migrate"/> makes, copied from a template that is made once
    /// per server and delegate: pass a method group (<c>MigrationRunner.ApplyAsync</c>). Without it the database is empty.</summary>
    public async Task<TestDatabase> CreateDatabaseAsync(Func<string, Task>? migrate = null)
    {
        var name = "test_" + RandomNumberGenerator.GetHexString(12, lowercase: true);
        var template = migrate is null ? "template0" : await TemplateAsync(migrate);
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template}");
        return new TestDatabase(this, name);
    }

    /// <summary>Kills the server and all its processes with signal 9, as a power cut would.</summary>
    public async Task KillAsync()
    {
        var main = postmaster ?? throw new InvalidOperationException("Only a server of our own can be killed.");
        var all = PostgresProcess.WithChildren(main.Id);
        foreach (var processId in all)
        {
            PostgresProcess.Kill(processId);
        }

        await main.WaitForExitAsync();
        await Wait.UntilAsync(() => !all.Any(PostgresProcess.IsRunning), "the killed processes of PostgreSQL are gone");
    }

    /// <summary>Starts a killed server again and waits until it answers.</summary>
    public async Task StartAsync()
    {
        postmaster?.Dispose();
        postmaster = PostgresProcess.Start(
            "exec setsid \"$2/postgres\" -D \"$1/cluster\" >>\"$1/log\" 2>&1 </dev/null", folder!, PostgresProcess.BinaryFolder);
        await Wait.UntilAsync(async () =>
        {
            if (postmaster.HasExited)
            {
                await PostgresProcess.RunAsync("tail -n 20 \"$1/log\" >&2; exit 1", folder!);
            }

            return await AnswersAsync();
        }, "PostgreSQL answers");
    }

    public async ValueTask DisposeAsync()
    {
        if (watchdog is null || postmaster is null)
        {
            return;
        }

        NpgsqlConnection.ClearAllPools();
        watchdog.StandardInput.Close();
        await watchdog.WaitForExitAsync();
        await postmaster.WaitForExitAsync();
        watchdog.Dispose();
        postmaster.Dispose();
        watchdog = postmaster = null;
    }

    internal async Task ExecuteAsync(string sql)
    {
        // Not from a pool: the server may have been killed and started since.
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names that we made up.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private static string Settings(string folder, bool durable) => string.Create(CultureInfo.InvariantCulture, $"""
        listen_addresses = ''
        unix_socket_directories = '{folder}'
        max_connections = 1000
        shared_buffers = 128MB
        wal_level = minimal
        max_wal_senders = 0
        fsync = {(durable ? "on" : "off")}
        synchronous_commit = {(durable ? "on" : "off")}
        full_page_writes = {(durable ? "on" : "off")}
        """);

    private async Task<string> TemplateAsync(Func<string, Task> migrate)
    {
        await templateGate.WaitAsync();
        try
        {
            if (!templates.TryGetValue(migrate, out var name))
            {
                name = "template_" + RandomNumberGenerator.GetHexString(12, lowercase: true);
                await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE template0");
                // A template that somebody is connected to cannot be copied.
                await migrate(ConnectionStringFor(name) + ";Pooling=false");
                templates.Add(migrate, name);
            }

            return name;
        }
        finally
        {
            templateGate.Release();
        }
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false;Timeout=5");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
