using Microsoft.Extensions.DependencyInjection.Extensions;

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
        services.AddSingleton<JobScheduler>();
        return services.AddHostedService(provider => provider.GetRequiredService<JobScheduler>());
    }
}
