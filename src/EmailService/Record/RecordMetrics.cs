using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Record;

internal static class RecordMetrics
{
    public static readonly Counter<long> Outcomes = ServiceMeter.Meter.CreateCounter<long>(
        "emailservice.record.outcomes", description: "Outcomes stored, by event.");

    public static readonly Counter<long> LostLeases = ServiceMeter.Meter.CreateCounter<long>(
        "emailservice.record.lost_leases", description: "Outcomes whose lease had ended before they could be stored: possible second copies.");
}
