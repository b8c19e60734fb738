using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Accept;

internal static class AcceptMetrics
{
    public static readonly Counter<long> Requests = ServiceMeter.Meter.CreateCounter<long>(
        "emailservice.accept.requests", description: "Send requests answered after a commit, by result.");

    public static readonly Counter<long> Recipients = ServiceMeter.Meter.CreateCounter<long>(
        "emailservice.accept.recipients", description: "Recipients accepted.");

    public static readonly Counter<long> Batches = ServiceMeter.Meter.CreateCounter<long>(
        "emailservice.accept.batches", description: "Transactions that accepted them.");

    public static readonly Counter<long> Refused = ServiceMeter.Meter.CreateCounter<long>(
        "emailservice.accept.refused", description: "Send requests answered 503 because too many were waiting.");
}
