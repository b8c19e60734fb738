using Npgsql;

namespace EmailService.Platform;

/// <summary>The first to start and the last to stop: has the database there, reachable and migrated.</summary>
internal sealed partial class DatabaseStartup(
    IServiceProvider services, PlatformOptions platform, PostgresOptions options, NpgsqlDataSource database, ILogger<DatabaseStartup> log)
    : IHostedService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Whether the schema is the one that this program expects.</summary>
    public bool IsMigrated { get; private set; }

    public Task StartAsync(CancellationToken cancellationToken) => StartAsync(keepRunning: true, cancellationToken);

    public async Task StartAsync(bool keepRunning, CancellationToken cancellation)
    {
        await ReachAsync(keepRunning, cancellation);
        foreach (var migration in await MigrationRunner.ApplyAsync(database, Migration.All, cancellation))
        {
            LogApplied(migration.ToString());
        }

        IsMigrated = true;
    }

    /// <summary>Has the database there and reachable, and leaves the schema in it as it is.</summary>
    public async Task ReachAsync(bool keepRunning, CancellationToken cancellation)
    {
        if (platform.IsEmbedded)
        {
            await services.GetRequiredService<EmbeddedPostgres>().StartAsync(keepRunning, cancellation);
        }
        else
        {
            await WaitAsync(cancellation);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (platform.IsEmbedded)
        {
            // Idle connections say goodbye first, or each would complain that the server went away.
            database.Clear();
            await services.GetRequiredService<EmbeddedPostgres>().DisposeAsync();
        }
    }

    private async Task WaitAsync(CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(options.StartTimeout);
        while (true)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(deadline.Token);
                if (connection.PostgreSqlVersion.Major < PostgresBinaries.Oldest)
                {
                    throw new OperatorException($"The database server is PostgreSQL {connection.PostgreSqlVersion}; {PostgresBinaries.Oldest} or newer is needed.") { Exit = ExitCode.Unavailable };
                }

                return;
            }
            // Class 28 (wrong password) and 3D (no such database) do not get better by waiting.
            catch (PostgresException e) when (e.SqlState is ['2', '8', ..] or ['3', 'D', ..])
            {
                throw new OperatorException($"The database server refused EmailService:ConnectionString: {e.MessageText}", e) { Exit = ExitCode.Configuration };
            }
            // The time was over before this try began.
            catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
            {
                throw NoAnswer("no connection was made in that time", e);
            }
            catch (NpgsqlException e)
            {
                LogWaiting(e.Message);
                try
                {
                    await Task.Delay(Pause, deadline.Token);
                }
                catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
                {
                    throw NoAnswer(e.Message, e);
                }
            }
        }
    }

    private OperatorException NoAnswer(string why, Exception inner) =>
        new($"The database of EmailService:ConnectionString did not answer within {options.StartTimeout}: {why}", inner) { Exit = ExitCode.Unavailable };

    [LoggerMessage(9000, LogLevel.Information, "Applied migration {Migration}")]
    private partial void LogApplied(string migration);

    [LoggerMessage(9001, LogLevel.Warning, "The database does not answer yet: {Problem}")]
    private partial void LogWaiting(string problem);
}
