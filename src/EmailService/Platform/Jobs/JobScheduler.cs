using System.Data.Common;
using System.Globalization;
using Npgsql;
using Quartz;
using Quartz.Extensibility;

namespace EmailService.Platform.Jobs;

/// <summary>Maps our jobs to Quartz; nothing else knows of it. All nodes of a database are one cluster: a job that is due is taken by one of them,
/// and what a dead node was running is run again by another. Start after the database and the node's registration.</summary>
public sealed partial class JobScheduler(
    NpgsqlDataSource database, IEnumerable<JobDefinition> jobs, JobRunner runner, NodeRegistry node, PlatformOptions options,
    ILoggerFactory loggers, ILogger<JobScheduler> log) : IHostedService, IDisposable
{
    private const int AtOnce = 2;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource stopping = new();
    private StandaloneSchedulerFactory? factory;
    private Task<IScheduler?> starting = Task.FromResult<IScheduler?>(null);

    /// <summary>How long a start of the service is left alone before the scheduler's own begins: it is a second of work that nobody waits for.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromSeconds(5);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        starting = Task.Run(() => StartUpAsync(stopping.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Completes when jobs can run.</summary>
    public Task StartedAsync() => starting;

    /// <summary>Runs a job as soon as some node has a place for it.</summary>
    public async Task TriggerAsync(string name, CancellationToken cancellation) =>
        await (await starting ?? throw new InvalidOperationException("The scheduler is not running.")).TriggerJob(new JobKey(name), null, cancellation);

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        try
        {
            if (await starting is { } scheduler)
            {
                // Jobs see their token cancelled, and have the host's time to end.
                await scheduler.Shutdown(waitForJobsToComplete: true, cancellationToken);
                await factory!.DisposeAsync();
            }
        }
        // The database may be gone. The others find out by our silence.
        catch (Exception e)
        {
            LogStopFailed(e.Message);
        }
    }

    public void Dispose() => stopping.Dispose();

    private async Task<IScheduler?> StartUpAsync(CancellationToken cancellation)
    {
        var pause = Delay;
        while (true)
        {
            try
            {
                await Task.Delay(pause, cancellation);
                factory = QuartzSchedulerBuilder.Create(Configure).Build();
                var scheduler = await factory.GetScheduler(cancellation);
                foreach (var job in jobs)
                {
                    await ScheduleAsync(scheduler, job, cancellation);
                }

                await scheduler.Start(cancellation);
                LogStarted(jobs.Count());
                return scheduler;
            }
            catch (Exception e)
            {
                if (factory is not null)
                {
                    await factory.DisposeAsync();
                }

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

    private void Configure(IQuartzBuilder quartz)
    {
        quartz.Services.AddSingleton(loggers);
        // An instance: what the container did not make, it does not dispose of.
        quartz.Services.AddSingleton<DbDataSource>(database);
        quartz.UseJobFactory(new Factory(runner, LogUnknown));
        quartz.UseDefaultThreadPool(AtOnce);
        quartz.ConfigureScheduler(scheduling =>
        {
            scheduling.InstanceName = JobStore.SchedulerName;
            scheduling.InstanceId = node.NodeId.ToString(CultureInfo.InvariantCulture);
            scheduling.ShutdownJobInterruption = ShutdownJobInterruption.Always;
        });
        quartz.UsePersistentStore(store =>
        {
            store.UsePostgres(source => source.UseRegisteredDataSource = true);
            store.ConfigureStore(tables => tables.TablePrefix = "qrtz_");
            store.UseClustering(cluster =>
            {
                cluster.CheckinInterval = options.LeaseTimeToLive;
                cluster.CheckinMisfireThreshold = options.LeaseTimeToLive;
            });
        });
    }

    /// <summary>What is stored already stays as it is, with the time at which it is due: a node that starts must not make the others miss a run.</summary>
    private static async Task ScheduleAsync(IScheduler scheduler, JobDefinition job, CancellationToken cancellation)
    {
        var key = new TriggerKey(job.Name);
        if (await scheduler.GetTrigger(key, cancellation) is ICronTrigger stored && stored.CronExpressionString == job.Schedule)
        {
            return;
        }

        var detail = JobBuilder.Create<Adapter>().WithIdentity(job.Name).StoreDurably().RequestRecovery().Build();
        var trigger = TriggerBuilder.Create().WithIdentity(key).ForJob(detail)
            // A run that fell into a time when no node ran is made up for, once.
            .WithCronSchedule(job.Schedule, cron => cron.InTimeZone(TimeZoneInfo.Utc).WithMisfireInstruction(CronTriggerMisfireInstruction.FireAndProceed))
            .Build();
        await scheduler.ScheduleJob(detail, trigger, ScheduleJobOptions.Replacing, cancellation);
    }

    /// <summary>The only class whose name Quartz stores: our own may be renamed.</summary>
    [DisallowConcurrentExecution]
    private sealed class Adapter(JobRunner runner, Action<string> unknown) : Quartz.IJob
    {
        public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await runner.RunAsync(context.JobDetail.Key.Name, cancellationToken);
            }
            catch (OperatorException)
            {
                // Stored by a newer version on another node, or by an older one that is gone.
                unknown(context.JobDetail.Key.Name);
            }
        }
    }

    private sealed class Factory(JobRunner runner, Action<string> unknown) : IJobFactory
    {
        public ValueTask<JobScope> CreateJob(TriggerFiredBundle bundle, IScheduler scheduler, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(new JobScope(new Adapter(runner, unknown), null));

        public ValueTask ReturnJob(JobScope scope, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }

    [LoggerMessage(9514, LogLevel.Debug, "{Count} recurring jobs are scheduled")]
    private partial void LogStarted(int count);

    [LoggerMessage(9515, LogLevel.Warning, "The scheduler did not stop cleanly: {Problem}")]
    private partial void LogStopFailed(string problem);

    [LoggerMessage(9517, LogLevel.Warning, "The scheduler of jobs did not start; trying again in {Pause}: {Problem}")]
    private partial void LogStartFailed(TimeSpan pause, string problem);

    [LoggerMessage(9516, LogLevel.Information, "Job {Job} is stored and is not one of this version; left alone")]
    private partial void LogUnknown(string job);
}
