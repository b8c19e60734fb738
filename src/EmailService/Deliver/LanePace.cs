using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Deliver;

/// <summary>The pace of one lane on this node: its limits, what it learned about its site, and the tokens. It paces and never parks: whoever
/// may not go yet is told how long to wait. Not thread-safe; the lane has the lock.</summary>
public sealed class LanePace
{
    /// <summary>A lane with a rate holds no more in memory than leaves it within this time: far less than a lease lasts.</summary>
    public static readonly TimeSpan Reach = TimeSpan.FromMinutes(10);

    /// <summary>What was learned by being refused outlives the work for so long.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(30);

    private readonly RateBucket bucket = new();
    private readonly RateMeter meter = new();
    private readonly LearnedRate learned = new();
    private double factor = 1;
    private double observed;
    private DateTimeOffset keptUntil = DateTimeOffset.MinValue;

    public required LaneLimits Limits { get; set; }

    public ConcurrencyWindow Window { get; } = new();

    /// <summary>The part of the pace that remains, 1 for all of it: an overlay may lower it for a time. A lane with a rate keeps to that part
    /// of it. One without keeps to that part of what was leaving this node when it was lowered; and where that was less than a message per
    /// second, or nobody can say, to that part of its connections, one at least.</summary>
    public void Slow(double part, DateTimeOffset now)
    {
        if (factor == 1 && part < 1)
        {
            observed = meter.PerSecond(now);
        }

        factor = part;
    }

    /// <summary>Connections that this node may have now.</summary>
    public int Connections(NodeShare share)
    {
        var most = Math.Min(Window.Size, share.Of(Limits.Connections.Value));
        return factor < 1 && Rate(share) == 0 ? Math.Max(1, (int)(most * factor)) : most;
    }

    /// <summary>Recipients that may wait in memory for this lane; null if its rate does not limit them.</summary>
    public int? MostWaiting(NodeShare share) => Rate(share) is > 0 and var rate
        ? (int)Math.Clamp(rate * Reach.TotalSeconds, 1, int.MaxValue)
        : null;

    /// <summary>How long the message that this call stands for must wait.</summary>
    public TimeSpan Take(DateTimeOffset now, NodeShare share)
    {
        meter.Count(now);
        return bucket.Take(now, Rate(share));
    }

    /// <summary>Messages per second of this node; 0 is no limit.</summary>
    public double Rate(NodeShare share) =>
        learned.Of(Limits.MessagesPerSecond.Value > 0 ? share.Of(Limits.MessagesPerSecond.Value) : 0) is > 0 and var paced ? paced * factor
        : factor < 1 && observed >= 1 ? observed * factor
        : 0;

    /// <summary>The rate is what the site was seen to take, less than what is configured.</summary>
    public bool IsRateLearned(NodeShare share) =>
        learned.Ceiling is { } ceiling && (Limits.MessagesPerSecond.Value == 0 || ceiling < share.Of(Limits.MessagesPerSecond.Value));

    /// <param name="workers">Workers of the lane, the observing one included.</param>
    /// <param name="others">Sessions that other workers have, or are opening.</param>
    public void Observe(PaceSignal signal, int workers, int others, DateTimeOffset now, NodeShare share)
    {
        switch (signal)
        {
            case PaceSignal.Answered:
                Window.Answered(isFull: workers >= Window.Size, share.Of(Limits.Connections.Value));
                learned.Answered(now);
                break;

            case PaceSignal.Failed:
                Window.Failed(isFull: workers >= Window.Size);
                break;

            case PaceSignal.TooMany:
                learned.TooMany(now);
                keptUntil = now + Memory;
                break;

            case PaceSignal.Refused:
                Window.Refused(others);
                keptUntil = now + Memory;
                break;

            case PaceSignal.None:
                break;
        }
    }

    /// <summary>Nothing would be lost with it.</summary>
    public bool IsForgettable(DateTimeOffset now) => keptUntil <= now && (factor == 1 || observed == 0);
}
