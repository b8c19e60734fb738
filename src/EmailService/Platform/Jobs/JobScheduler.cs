using System.Globalization;
using Hangfire;
using Hangfire.Storage;
using Npgsql;

namespace EmailService.Platform.Jobs;

/// <summary>Runs this process's Hangfire server, and tells Hangfire of our jobs. All nodes of a database are servers of one storage: a job that is due
/// is taken by one of them, and what a dead node was running is run again by another. Start after the database and the node's registration.</summary>
public sealed partial class JobScheduler(
    NpgsqlDataSource database, IServiceProvider services, IEnumerable<JobDefinition> jobs, JobRunner runner, NodeRegistry node, TimeProvider time,
    ILoggerFactory loggers, ILogger<JobScheduler> log) : IHostedService, IDisposable
{
    /// <summary>Jobs that one process runs at the same time.</summary>
    private const int AtOnce = 2;

    /// <summary>Within the host's time to stop.</summary>
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private static readonly JobCall.Filters Filters = new();

    private readonly CancellationTokenSource stopping = new();

    /// <summary>Made when it is needed: the start of the service does not wait for Hangfire to be loaded.</summary>
    private readonly Lazy<JobStorage> storage = new(services.GetRequiredService<JobStorage>);
    private Task<BackgroundJobServer?> starting = Task.FromResult<BackgroundJobServer?>(null);

    /// <summary>How long a start of the service is left alone before the scheduler's own begins: it is a second of work that nobody waits for.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How often the schedules are looked at. Seldom: each look costs the database some ten statements, on every node.</summary>
    public TimeSpan SchedulePoll { get; set; } = TimeSpan.FromSeconds(30);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        starting = Task.Run(() => StartUpAsync(stopping.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Completes when jobs can run.</summary>
    public Task StartedAsync() => starting;

    /// <summary>Runs a job as soon as some node has a place for it.</summary>
    public async Task TriggerAsync(string name, CancellationToken cancellation)
    {
        _ = await starting.WaitAsync(cancellation) ?? throw new InvalidOperationException("The scheduler is not running.");
        new BackgroundJobClient(storage.Value, Filters).Create(JobCall.Of(name), new Hangfire.States.EnqueuedState());
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        try
        {
            if (await starting is { } server)
            {
                // Jobs see their token cancelled, and have the host's time to end.
                server.SendStop();
                await server.WaitForShutdownAsync(cancellationToken);
                server.Dispose();
            }
        }
        // The database may be gone. The others find out by our silence.
        catch (Exception e)
        {
            LogStopFailed(e.Message);
        }
    }

    public void Dispose() => stopping.Dispose();

    private async Task<BackgroundJobServer?> StartUpAsync(CancellationToken cancellation)
    {
        var pause = Delay;
        while (true)
        {
            try
            {
                await Task.Delay(pause, cancellation);
                HangfireLog.Use(loggers, time);
                await JobSchema.PrepareAsync(database, cancellation);
                Schedule();
                cancellation.ThrowIfCancellationRequested();
                var server = new BackgroundJobServer(Options(), storage.Value);
                LogStarted(jobs.Count());
                return server;
            }
            catch (Exception e)
            {
                if (cancellation.IsCancellationRequested)
                {
                    return null;
                }

                // The service delivers without its jobs; the database may have gone just now.
                LogStartFailed(RetryAfter, e.Message);
                pause = RetryAfter;
            }
        }
    }

    private BackgroundJobServerOptions Options() => new()
    {
        ServerName = string.Create(CultureInfo.InvariantCulture, $"node-{node.NodeId}-{Environment.MachineName}"),
        WorkerCount = AtOnce,
        SchedulePollingInterval = SchedulePoll,
        ServerTimeout = TimeSpan.FromMinutes(2),
        ServerCheckInterval = TimeSpan.FromMinutes(1),
        ShutdownTimeout = ShutdownTimeout,
        Activator = new JobCall.Activator(new JobCall(runner, loggers.CreateLogger<JobCall>())),
        FilterProvider = Filters,
    };

    /// <summary>What is stored already stays as it is, with the time at which it is due: a node that starts must not make the others miss a run.</summary>
    private void Schedule()
    {
        using var connection = storage.Value.GetConnection();
        var stored = connection.GetRecurringJobs().ToDictionary(job => job.Id, job => job.Cron);
        var manager = new RecurringJobManager(storage.Value, Filters);
        foreach (var job in jobs.Where(job => stored.GetValueOrDefault(job.Name) != job.Schedule))
        {
            // A run that fell into a time when no node ran is made up for, once.
            manager.AddOrUpdate(job.Name, JobCall.Of(job.Name), job.Schedule,
                new RecurringJobOptions { TimeZone = TimeZoneInfo.Utc, MisfireHandling = MisfireHandlingMode.Relaxed });
        }
    }

    [LoggerMessage(9514, LogLevel.Debug, "{Count} recurring jobs are scheduled")]
    private partial void LogStarted(int count);

    [LoggerMessage(9515, LogLevel.Warning, "The scheduler did not stop cleanly: {Problem}")]
    private partial void LogStopFailed(string problem);

    [LoggerMessage(9517, LogLevel.Warning, "The scheduler of jobs did not start; trying again in {Pause}: {Problem}")]
    private partial void LogStartFailed(TimeSpan pause, string problem);
}
