using System.Diagnostics.Metrics;
using EmailService.Outbox;
using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>What the pager may look at; docs/operating.md says what to alert on.</summary>
public sealed class DeliverMetrics : IHostedService
{
    public DeliverMetrics(ServiceMeter service, LaneDirectory lanes, Hand hand)
    {
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.recipients_in_hand", () => hand.Count, "{recipient}", "Recipients that this node holds.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lanes", () => lanes.All().Count, "{lane}", "Lanes with work or connections on this node.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lanes_resting", () => lanes.All().Count(l => l.RestsUntil is not null), "{lane}",
            "Lanes whose hosts gave no session several times running.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.connections", () => lanes.All().Sum(l => l.Workers), "{connection}", "Workers, each with at most one connection.");
    }

    /// <summary>Nothing to start: a hosted service is made with the host, and gauges exist from then on.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
