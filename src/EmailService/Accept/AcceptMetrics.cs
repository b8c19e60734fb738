using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Accept;

/// <summary>What the pager may look at; docs/operating.md says what to alert on.</summary>
public sealed class AcceptMetrics(ServiceMeter service)
{
    public Counter<long> Requests { get; } = service.Meter.CreateCounter<long>(
        "emailservice.accept.requests", description: "Send requests answered after a commit, by result.");

    public Counter<long> Recipients { get; } = service.Meter.CreateCounter<long>(
        "emailservice.accept.recipients", description: "Recipients accepted.");

    public Counter<long> Suppressed { get; } = service.Meter.CreateCounter<long>(
        "emailservice.accept.suppressed", description: "Recipients accepted and not sent to, because their address is suppressed.");

    public Counter<long> Batches { get; } = service.Meter.CreateCounter<long>(
        "emailservice.accept.batches", description: "Transactions that accepted them.");

    public Counter<long> Refused { get; } = service.Meter.CreateCounter<long>(
        "emailservice.accept.refused", description: "Send requests answered 503 because too many were waiting.");
}
