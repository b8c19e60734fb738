using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Compose;

/// <summary>What the pager may look at; docs/operating.md says what to alert on.</summary>
public sealed class ComposeMetrics(ServiceMeter service)
{
    /// <summary>Counted each time one is tried, so that it rises for as long as one waits.</summary>
    public Counter<long> Failed { get; } = service.Meter.CreateCounter<long>(
        "emailservice.compose.failed", "{message}", "Accepted messages that could not be composed, by a fault of ours.");
}
