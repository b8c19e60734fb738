namespace EmailService.Platform;

/// <summary>Whether commits go through, for the pager; docs/operating.md says what to alert on.</summary>
internal sealed class StoreMetrics : IHostedService
{
    public StoreMetrics(ServiceMeter service, StoreHealth health) => service.Meter.CreateObservableGauge(
        "emailservice.store.failing", () => health.IsHealthy ? 0 : 1, description: "1 while the database takes no commits: nothing is accepted or delivered.");

    /// <summary>Nothing to start: a hosted service is made with the host, and gauges exist from then on.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
