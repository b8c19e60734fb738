using Hangfire;
using Hangfire.PostgreSql;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace EmailService.Platform.Jobs;

/// <summary>Recurring work, each slice's own.</summary>
public static class JobServices
{
    /// <param name="services">Where the job is registered as well, unless it is there already.</param>
    /// <param name="name">Of the job. Keep it: a new name is a new job.</param>
    /// <param name="schedule">As in <see cref="JobDefinition"/>, in UTC. Not on the full hour, when everybody's clocks strike.</param>
    public static IServiceCollection AddJob<T>(this IServiceCollection services, string name, string schedule)
        where T : class, IJob
    {
        services.TryAddSingleton<T>();
        return services.AddSingleton(new JobDefinition(name, schedule, typeof(T)));
    }

    public static IServiceCollection AddJobs(this IServiceCollection services)
    {
        services.AddSingleton<JobStore>();
        services.AddSingleton<JobRunner>();
        services.AddSingleton(Storage);
        services.AddSingleton<JobScheduler>();
        return services.AddHostedService(provider => provider.GetRequiredService<JobScheduler>());
    }

    /// <summary>Asks the database nothing yet.</summary>
    private static JobStorage Storage(IServiceProvider provider)
    {
        var lease = provider.GetRequiredService<PlatformOptions>().LeaseTimeToLive;
        return new PostgreSqlStorage(
            new JobSchema.Connections(provider.GetRequiredService<NpgsqlDataSource>()),
            new PostgreSqlStorageOptions
            {
                SchemaName = JobSchema.Name,
                // See JobSchema, which makes them.
                PrepareSchemaIfNecessary = false,
                // A run that its process does not vouch for every fifth of this time is given to another process. How long a run takes does not
                // matter. JobRunner's lock is what keeps it from being run twice, should the process live after all.
                UseSlidingInvisibilityTimeout = true,
                InvisibilityTimeout = 2 * lease,
                // For what others left: a run that this process enqueued itself wakes a worker at once.
                QueuePollInterval = TimeSpan.FromSeconds(Math.Clamp(lease.TotalSeconds / 2, 1, 15)),
                // Hangfire's own locks are rows, held for moments. One that a process left when it died keeps the schedules waiting for so long.
                DistributedLockTimeout = TimeSpan.FromSeconds(30),
                CountersAggregateInterval = TimeSpan.FromMinutes(15),
            });
    }
}
