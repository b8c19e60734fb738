using System.Diagnostics.Metrics;
using EmailService.Platform;
using EmailService.Route;

namespace EmailService.Deliver;

/// <summary>What lanes count. Lanes that the shaping names have a series of their own, all others share one: there are as many of those as
/// there are mail sites.</summary>
public sealed class LaneMetrics(ServiceMeter service)
{
    private readonly Counter<long> rests = service.Meter.CreateCounter<long>(
        "emailservice.deliver.lane_rests", "{rest}", "Rests begun, because no host of the lane gave a session.");

    private readonly Counter<double> paced = service.Meter.CreateCounter<double>(
        "emailservice.deliver.lane_pace_wait", "s", "Time that messages waited for their turn under a rate.");

    /// <summary>An account with limits of its own has lanes of its own, which count as those of their provider or domain: whoever reads the metrics need not hold a key,
    /// and is not told who our customers are.</summary>
    public static KeyValuePair<string, object?> Tag(string lane) => new("lane", !IsNamed(lane) ? "other" : Shared(lane));

    private static string Shared(string lane) => lane.IndexOf(RoutePlan.OfAccountMark, StringComparison.Ordinal) is var at and >= 0 ? lane[..at] : lane;

    /// <summary>A provider's block or a domain of its own: as many as the shaping has.</summary>
    public static bool IsNamed(string lane) =>
        lane.StartsWith("provider:", StringComparison.Ordinal) || lane.StartsWith("domain:", StringComparison.Ordinal);

    public void Rested(string lane) => rests.Add(1, Tag(lane));

    public void Paced(string lane, TimeSpan wait) => paced.Add(wait.TotalSeconds, Tag(lane));
}
