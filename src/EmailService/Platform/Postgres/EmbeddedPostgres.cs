using System.Diagnostics;
using System.Text;
using Npgsql;

namespace EmailService.Platform;

/// <summary>A private PostgreSQL in the data folder, reached by a unix socket only. One process of ours at a time runs it: it makes
/// the cluster on first use, adopts a server that outlived its predecessor's kill -9, starts one otherwise, starts it again
/// when it dies, and stops it at the end.</summary>
/// <remarks>The server is its own session and survives us. That is wanted: after kill -9 of ours the next start finds it running
/// and loses no time in recovery.</remarks>
internal sealed partial class EmbeddedPostgres : IAsyncDisposable
{
    private const string DatabaseName = "emailservice";
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(15);

    private readonly PlatformOptions platform;
    private readonly PostgresOptions options;
    private readonly ILogger<EmbeddedPostgres> log;
    private readonly UnprivilegedUser? user;
    private readonly PostgresPlace place;
    private readonly CancellationTokenSource stopping = new();
    private DataFolderLock? held;
    private PostgresBinaries? binaries;
    private Process? child;
    private Task watch = Task.CompletedTask;
    private bool disposed;
    private bool startedByUs;

    public EmbeddedPostgres(PlatformOptions platform, PostgresOptions options, ILogger<EmbeddedPostgres> log)
    {
        this.platform = platform;
        this.options = options;
        this.log = log;
        user = UnprivilegedUser.IfNeeded();
        place = PostgresPlace.Prepare(platform.DataPath, user);
    }

    /// <summary>Known before the server runs.</summary>
    public string ConnectionString => For(DatabaseName);

    /// <summary>The folder with the cluster and the server's log.</summary>
    public string Folder => place.Folder;

    /// <summary>The server's process, for tests.</summary>
    public int? ProcessId => PostmasterProcess.Running(place);

    /// <summary>Makes sure that the server runs and answers and that our database exists.</summary>
    /// <param name="keepRunning">The service: takes the data folder for itself, watches the server, stops it at the end. Otherwise, a
    /// command: uses the server that runs, or starts one and stops it at the end.</param>
    /// <exception cref="OperatorException">Another process has the data folder, or PostgreSQL cannot be had.</exception>
    public async Task StartAsync(bool keepRunning, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(options.StartTimeout);
        try
        {
            held = await TakeLockAsync(keepRunning, deadline.Token);
            if (held is null)
            {
                // A command while the service runs: the server is the service's to start.
                await WaitForAnswerAsync(deadline.Token);
                return;
            }

            binaries = await PostgresBinaries.FindAsync(options.BinaryFolder, place.ClusterMajor, deadline.Token);
            await MakeClusterAsync(deadline.Token);
            await EnsureRunningAsync(deadline.Token);
            await MakeDatabaseAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new OperatorException($"PostgreSQL in {place.Folder} did not answer within {options.StartTimeout}. Its log, {place.Log}, ends with:\n{LogTail()}") { Exit = ExitCode.Unavailable };
        }

        if (keepRunning)
        {
            startedByUs = true;
            watch = Task.Run(() => WatchAsync(stopping.Token), CancellationToken.None);
        }
    }

    /// <summary>Stops the server if it is ours to stop.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, true))
        {
            return;
        }

        await stopping.CancelAsync();
        await watch;
        if (held is not null && startedByUs && binaries is not null && PostmasterProcess.Running(place) is not null)
        {
            // -m fast rolls back what is open and writes a checkpoint, so that the next start needs no recovery.
            var result = await ShellCommand.RunAsync(user, CancellationToken.None, binaries.PgCtl, "stop", "-D", place.Cluster, "-m", "fast", "-w", "-t", "20", "-s");
            if (result.ExitCode != 0)
            {
                LogStopFailed(result.Output);
            }
            else if (place.SocketFolder != place.Folder)
            {
                Directory.Delete(place.SocketFolder, recursive: true);
            }
        }

        child?.Dispose();
        held?.Dispose();
        held = null;
        stopping.Dispose();
    }

    private string For(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = place.SocketFolder,
        Username = DatabaseName,
        Database = database,
    }.ConnectionString;

    private async Task<DataFolderLock?> TakeLockAsync(bool keepRunning, CancellationToken cancellation)
    {
        // A command may hold it for a moment, and so may a predecessor that is about to end.
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            if (DataFolderLock.TryTake(platform.DataPath) is { } taken)
            {
                return taken;
            }

            if (!keepRunning && PostmasterProcess.Running(place) is not null)
            {
                return null;
            }

            if (Stopwatch.GetElapsedTime(since) > LockPatience)
            {
                throw new OperatorException($"Another emailservice process uses the data folder {platform.DataPath}. Stop it first, "
                    + "give this one another EmailService:DataFolder, or run both on one server of yours with EmailService:ConnectionString.") { Exit = ExitCode.Unavailable };
            }

            await Task.Delay(100, cancellation);
        }
    }

    private async Task MakeClusterAsync(CancellationToken cancellation)
    {
        if (place.ClusterMajor is null)
        {
            LogMaking(place.Cluster, binaries!.Major, user?.Name ?? Environment.UserName);
            // Made under another name first: a cluster half made when the power went would pass for one.
            // And under one of its own: initdb of a predecessor that was killed may still be writing. What it leaves is in nobody's way, and
            // goes with the next start.
            var draft = $"{place.Cluster}.new-{Environment.ProcessId}";
            await RequireAsync("make a PostgreSQL cluster", cancellation, "sh", "-c", "rm -rf \"$0\".new-* 2>/dev/null; rm -rf \"$0\"", place.Cluster);
            await RequireAsync("make a PostgreSQL cluster", cancellation, binaries.Initdb,
                "-D", draft, "-U", DatabaseName, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions");
            await RequireAsync("make a PostgreSQL cluster", cancellation,
                "sh", "-c", $"printf \"\\ninclude_if_exists = '{PostgresSettings.FileName}'\\n\" >>\"$0/postgresql.conf\" && sync \"$0/postgresql.conf\" && mv \"$0\" \"$1\"", draft, place.Cluster);
        }

        var settings = Path.Combine(place.Cluster, PostgresSettings.FileName);
        await File.WriteAllTextAsync(settings, PostgresSettings.Text(place) + "\n", cancellation);
        await ShellCommand.RunAsync(null, cancellation, "chmod", "644", settings);
    }

    /// <summary>Adopts or starts, again and again until the server answers.</summary>
    private async Task EnsureRunningAsync(CancellationToken cancellation)
    {
        var backoff = TimeSpan.FromMilliseconds(50);
        for (var failures = 0; ; failures++)
        {
            if (PostmasterProcess.Running(place) is { } processId)
            {
                LogAdopted(processId);
            }
            else
            {
                startedByUs = true;
                Launch();
            }

            if (await WaitForAnswerAsync(cancellation))
            {
                return;
            }

            // After kill -9 of the server its last processes may still hold the shared memory; PostgreSQL then
            // refuses to start until they are gone.
            if (failures >= 8)
            {
                throw new OperatorException($"PostgreSQL in {place.Folder} does not start. Its log, {place.Log}, ends with:\n{LogTail()}") { Exit = ExitCode.Unavailable };
            }

            await Task.Delay(backoff, cancellation);
            backoff = backoff * 2 < LongestBackoff ? backoff * 2 : LongestBackoff;
        }
    }

    /// <summary>Starts the server as a child in a session of its own: Ctrl+C does not reach it, and when it dies the runtime
    /// takes notice. pg_ctl start would make it an orphan, which in a container without an init nobody buries, and PostgreSQL
    /// takes an unburied predecessor for a running one.</summary>
    private void Launch()
    {
        child?.Dispose();
        child = ShellCommand.Start(user, "sh", "-c", "umask 077; exec setsid \"$0\" -D \"$1\" >>\"$2\" 2>&1 </dev/null", binaries!.Postgres, place.Cluster, place.Log);
        child.StandardInput.Close();
        LogStarted(child.Id);
    }

    /// <summary>False when the server ended before it answered.</summary>
    private async Task<bool> WaitForAnswerAsync(CancellationToken cancellation)
    {
        await using var database = NpgsqlDataSource.Create(For("postgres") + ";Pooling=false;Timeout=5");
        while (true)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(cancellation);
                return true;
            }
            catch (NpgsqlException)
            {
                if (held is not null && child is not { HasExited: false } && PostmasterProcess.Running(place) is null)
                {
                    return false;
                }
            }

            await Task.Delay(20, cancellation);
        }
    }

    private async Task MakeDatabaseAsync(CancellationToken cancellation)
    {
        await using var database = NpgsqlDataSource.Create(For("postgres") + ";Pooling=false");
        await using var exists = database.CreateCommand($"SELECT 1 FROM pg_database WHERE datname = '{DatabaseName}'");
        if (await exists.ExecuteScalarAsync(cancellation) is null)
        {
            await using var create = database.CreateCommand($"CREATE DATABASE {DatabaseName}");
            await create.ExecuteNonQueryAsync(cancellation);
        }
    }

    private async Task WatchAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(WatchInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                if (PostmasterProcess.Running(place) is null)
                {
                    LogDied(place.Log);
                    await RestartAsync(cancellation);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task RestartAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await EnsureRunningAsync(cancellation);
                LogBack();
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // Delivering and accepting have stopped by themselves; keep trying, the operator may be making room on the disk.
                LogRestartFailed(e);
                await Task.Delay(LongestBackoff, cancellation);
            }
        }
    }

    private async Task RequireAsync(string purpose, CancellationToken cancellation, params string[] command)
    {
        var result = await ShellCommand.RunAsync(user, cancellation, command);
        if (result.ExitCode != 0)
        {
            throw new OperatorException($"Could not {purpose} in {place.Folder}: {command[0]} ended with {result.ExitCode}: {result.Output}") { Exit = ExitCode.CannotCreate };
        }
    }

    private string LogTail()
    {
        try
        {
            return string.Join('\n', File.ReadLines(place.Log, Encoding.UTF8).TakeLast(8));
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }
}
