using System.Diagnostics.Metrics;
using EmailService.Outbox;
using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>What the pager may look at; docs/operating.md says what to alert on.</summary>
public sealed class DeliverMetrics : IHostedService
{
    public DeliverMetrics(ServiceMeter service, LaneDirectory lanes, LaneContext context, Hand hand, ConnectionLimit connections)
    {
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.connections_unproven", () => connections.Unproven, "{connection}", "Connections in the hands of sites that are new or silent.");
        service.Meter.CreateObservableCounter(
            "emailservice.deliver.attempts_broken_off", () => connections.BrokenOff, "{attempt}",
            "Attempts at such sites that were broken off because others waited for their connections.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.recipients_in_hand", () => hand.Count, "{recipient}", "Recipients that this node holds.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lanes", () => lanes.All().Count, "{lane}", "Lanes with work or connections on this node.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lanes_resting", () => lanes.All().Count(l => l.RestsUntil is not null), "{lane}",
            "Lanes whose hosts gave no session several times running.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.connections", () => context.ConnectionsInUse, "{connection}", "Connections to mail hosts that are open or are being opened.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lane_window", () => ByLane(lanes.All().Where(l => LaneMetrics.IsNamed(l.Key)), l => l.Window),
            "{connection}", "Connections that the lane dares in this process.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lane_connections", () => ByLane(lanes.All(), l => l.Sessions), "{connection}", "Connections of the lane that are open or are being opened.");
        service.Meter.CreateObservableGauge(
            "emailservice.deliver.lane_waiting", () => ByLane(lanes.All(), l => l.Waiting), "{recipient}", "Recipients that wait in memory for the lane.");
    }

    private static IEnumerable<Measurement<int>> ByLane(IEnumerable<Lane> lanes, Func<Lane, int> figure) =>
        lanes.GroupBy(l => LaneMetrics.Tag(l.Key)).Select(g => new Measurement<int>(g.Sum(figure), g.Key));

    /// <summary>Nothing to start: a hosted service is made with the host, and gauges exist from then on.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
