using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmailService.Tests.Platform.Jobs;

/// <summary>A node with nothing but jobs, on a database that it shares with others.</summary>
internal sealed class JobNode : IAsyncDisposable
{
    private readonly ServiceProvider services;
    private readonly string applicationName;
    private bool killed;

    private JobNode(ServiceProvider services, string applicationName)
    {
        this.services = services;
        this.applicationName = applicationName;
    }

    public JobScheduler Scheduler => services.GetRequiredService<JobScheduler>();

    public JobRunner Runner => services.GetRequiredService<JobRunner>();

    public JobStore Store => services.GetRequiredService<JobStore>();

    public long NodeId => services.GetRequiredService<NodeRegistry>().NodeId;

    /// <param name="database">The shared one.</param>
    /// <param name="name">Of this node's connections.</param>
    /// <param name="job">Name, schedule, and what to do.</param>
    public static async Task<JobNode> StartAsync(TestDatabase database, string name, (string Name, string Schedule, Func<CancellationToken, Task<string>> Work) job)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new PlatformOptions
        {
            ConnectionString = "Host=given;Database=given", HeartbeatInterval = TimeSpan.FromMilliseconds(200), LeaseTimeToLive = TimeSpan.FromSeconds(3),
        });
        services.AddSingleton(NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = name }.ConnectionString));
        services.AddSingleton<IStoreProbe, StoreProbe>();
        services.AddSingleton<StoreHealth>();
        services.AddSingleton<NodeRegistry>();
        services.AddJobs();
        services.AddSingleton(new Work(job.Work));
        services.AddJob<Work>(job.Name, job.Schedule);

        var node = new JobNode(services.BuildServiceProvider(), name);
        await node.services.GetRequiredService<NodeRegistry>().StartAsync(CancellationToken.None);
        node.Scheduler.Delay = TimeSpan.Zero;
        node.Scheduler.SchedulePoll = TimeSpan.FromSeconds(1);
        await node.Scheduler.StartAsync(CancellationToken.None);
        await node.Scheduler.StartedAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return node;
    }

    /// <summary>Ends as a service does that is told to stop.</summary>
    public Task StopAsync() => Scheduler.StopAsync(CancellationToken.None);

    /// <summary>As a kill looks from outside: its connections break, and it never says another word.</summary>
    public async Task KillAsync(TestDatabase database)
    {
        killed = true;
        await services.GetRequiredService<NpgsqlDataSource>().DisposeAsync();
        await database.ScalarAsync($"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE application_name = '{applicationName}'");
    }

    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await Scheduler.StopAsync(soon.Token);
        if (!killed)
        {
            await services.GetRequiredService<NodeRegistry>().StopAsync(CancellationToken.None);
        }

        await services.DisposeAsync();
    }

    private sealed class Work(Func<CancellationToken, Task<string>> work) : IJob
    {
        public Task<string> ExecuteAsync(CancellationToken cancellation) => work(cancellation);
    }
}
