using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Record;

/// <summary>What the pager may look at; docs/operating.md says what to alert on.</summary>
public sealed class RecordMetrics(ServiceMeter service)
{
    public Counter<long> Outcomes { get; } = service.Meter.CreateCounter<long>(
        "emailservice.record.outcomes", description: "Outcomes stored, by event.");

    public Counter<long> Refusals { get; } = service.Meter.CreateCounter<long>(
        "emailservice.record.refusals", description: "Bounces that blame the address for good, by whether they were believed.");

    public Counter<long> LostLeases { get; } = service.Meter.CreateCounter<long>(
        "emailservice.record.lost_leases", description: "Outcomes whose lease had ended before they could be stored: possible second copies.");

    public Counter<long> UncountedTlsSessions { get; } = service.Meter.CreateCounter<long>(
        "emailservice.record.uncounted_tls_sessions", description: "Sessions left out of the reports about TLS: too many different ones at once.");
}
