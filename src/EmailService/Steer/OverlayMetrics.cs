using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Steer;

/// <summary>What the pager may look at; docs/operating.md says what to alert on.</summary>
public sealed class OverlayMetrics
{
    public OverlayMetrics(ServiceMeter service, Overlays overlays)
    {
        Changes = service.Meter.CreateCounter<long>(
            "emailservice.steer.overlay_changes", description: "Overlays imposed, renewed and lifted by this process, by kind, origin and change.");
        service.Meter.CreateObservableGauge(
            "emailservice.steer.overlays",
            () => overlays.InForce.CountBy(o => o.Kind).Select(found => new Measurement<int>(found.Value, new KeyValuePair<string, object?>("kind", found.Key.ToName()))),
            "{overlay}", "Overlays in force, as this process knows them, by kind.");
    }

    public Counter<long> Changes { get; }
}
