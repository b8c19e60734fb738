using EmailService.Shaping;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>What a lane is like at one moment.</summary>
internal readonly record struct LaneSituation
{
    public required int Waiting { get; init; }

    /// <summary>Workers that wait for their turn under the rate.</summary>
    public required int Paced { get; init; }
    public required int Workers { get; init; }

    /// <summary>Workers that wait for one of the process's connections.</summary>
    public required int WithoutConnection { get; init; }

    /// <summary>Connections by this process's part of the limit.</summary>
    public required int Share { get; init; }
    public required int Window { get; init; }
    public required int? Ceiling { get; init; }

    /// <summary>Connections that may be used now: less than share and window where an overlay says so.</summary>
    public required int Allowed { get; init; }
    public required LaneLimits Limits { get; init; }

    /// <summary>Messages per second over all processes as they are now: an overlay may have lowered them.</summary>
    public required double Rate { get; init; }

    /// <summary>The rate is what the site was seen to take.</summary>
    public required bool IsRateLearned { get; init; }
    public required bool IsResting { get; init; }

    /// <summary>Outcomes can be stored.</summary>
    public required bool Stores { get; init; }

    /// <summary>Connections of this process in all.</summary>
    public required int AllConnections { get; init; }
}

/// <summary>situation → the one thing that keeps a lane from going faster. Pure.</summary>
internal static class LaneLimiting
{
    public static LimitedBy Of(LaneSituation lane) => lane switch
    {
        { Stores: false, Waiting: > 0 } or { Stores: false, Workers: > 0 } => new(LaneLimiter.Store, null, "outcomes can't be stored"),
        { IsResting: true } => new(LaneLimiter.Rest, null, "its hosts gave no session several times running"),

        // Before "nothing due": who waits for a turn has the message in hand.
        { Paced: > 0 } => new(
            LaneLimiter.Rate, lane.Rate, lane.IsRateLearned ? "learned: the site said that more is too many"
                : lane.Rate == lane.Limits.MessagesPerSecond.Value ? lane.Limits.MessagesPerSecond.Origin : "lowered by an overlay"),
        { Waiting: 0 } => new(LaneLimiter.NothingDue),
        { WithoutConnection: > 0 } => new(LaneLimiter.AllConnections, lane.AllConnections, $"Deliver:{nameof(DeliverOptions.Connections)}"),
        _ when lane.Workers >= lane.Share => new(LaneLimiter.Connections, lane.Limits.Connections.Value, lane.Limits.Connections.Origin),
        _ when lane.Workers >= lane.Window => new(LaneLimiter.Window, lane.Window, lane.Ceiling is { } ceiling
            ? $"learned: the site takes {ceiling}"
            : "learned: it grows while the site answers"),
        _ when lane.Workers >= lane.Allowed => new(LaneLimiter.Connections, lane.Allowed, "lowered by an overlay"),
        _ => new(LaneLimiter.Starting),
    };
}
