using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Deliver;

/// <summary>The pace of one lane on this node: its limits, what this node and others learned about its site, and the tokens. It paces and never
/// parks: whoever may not go yet is told how long to wait. Not thread-safe; the lane has the lock.</summary>
public sealed class LanePace
{
    /// <summary>A lane with a rate holds no more in memory than leaves it within this time: far less than a lease lasts.</summary>
    public static readonly TimeSpan Reach = TimeSpan.FromMinutes(10);

    /// <summary>What was learned by being refused outlives the work for so long.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(30);

    /// <summary>Within a second at most others know what this node wants; and the second that a site counts has room when they have left it free
    /// for a while.</summary>
    private static readonly TimeSpan Announcement = 3 * PaceExchange.Interval;

    private readonly RateBucket bucket = new();
    private readonly RateMeter meter = new(TimeSpan.FromSeconds(10));
    private readonly RateMeter arrivals = new(TimeSpan.FromSeconds(0.75));
    private readonly LearnedRate learned = new();
    private double factor = 1;
    private double observed;
    private PaceDivision division;
    private RateLearned? dividedFor;
    private int toldWanted;
    private int knownWanted;
    private DateTimeOffset keptUntil = DateTimeOffset.MinValue;

    /// <summary>This node.</summary>
    public long NodeId { get; init; }

    public required LaneLimits Limits { get; set; }

    public ConcurrencyWindow Window { get; } = new();

    /// <summary>What other nodes said last about the same lane.</summary>
    public IReadOnlyList<PaceTold> Heard { get; private set; } = [];

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

    /// <summary>Connections that this node dares.</summary>
    public int Dared => Math.Min(Window.Size, Window.Part(Part));

    /// <summary>Connections that this node may have now.</summary>
    public int Connections(NodeShare share)
    {
        var most = Math.Min(Dared, share.Of(Limits.Connections.Value));
        return factor < 1 && Rate(share) == 0 ? Math.Max(1, (int)(most * factor)) : most;
    }

    /// <summary>Recipients that may wait in memory for this lane; null if its rate does not limit them.</summary>
    public int? MostWaiting(NodeShare share) => Rate(share) is > 0 and var rate
        ? (int)Math.Clamp(rate * Reach.TotalSeconds, 1, int.MaxValue)
        : null;

    /// <summary>A recipient has come.</summary>
    public void Arrived(DateTimeOffset now) => arrivals.Count(now);

    /// <summary>How long the message that this call stands for must wait.</summary>
    /// <param name="isUrgent">It does not wait until the others leave room for it, even if something is then refused.</param>
    public TimeSpan Take(DateTimeOffset now, NodeShare share, bool isUrgent)
    {
        meter.Count(now);
        if (division.MustAnnounce && !isUrgent)
        {
            bucket.Hold(now + Announcement);
        }

        return bucket.Take(now, Rate(share, isUrgent ? division.AtOnce : division.Part));
    }

    /// <summary>Messages per second of this node; 0 is no limit.</summary>
    public double Rate(NodeShare share) => Rate(share, division.Part);

    private double Rate(NodeShare share, double part) => (Configured(share), part) switch
    {
        (0, 0) => factor < 1 && observed >= 1 ? observed * factor : 0,
        (0, var learned) => learned * factor,
        (var configured, 0) => configured * factor,
        var (configured, learned) => Math.Min(configured, learned) * factor,
    };

    /// <summary>Messages per second of all nodes together, as far as this one knows; 0 is no limit.</summary>
    public double RateOfAll(NodeShare share) => IsRateLearned(share) ? learned.Learned!.Ceiling * factor : Rate(share) * share.Nodes;

    /// <summary>The rate is what the site was seen to take, less than what is configured.</summary>
    public bool IsRateLearned(NodeShare share) => division.Part is > 0 and var part && (Configured(share) == 0 || part < Configured(share));

    /// <param name="workers">Workers of the lane, the observing one included.</param>
    /// <param name="others">Sessions that other workers have, or are opening.</param>
    public void Observe(PaceSignal signal, int workers, int others, DateTimeOffset now, NodeShare share)
    {
        switch (signal)
        {
            case PaceSignal.Answered:
                Window.Answered(isFull: workers >= Dared, share.Of(Limits.Connections.Value), Part, workers + Heard.Sum(h => h.Sessions));
                learned.Answered(now, division.Part);
                break;

            case PaceSignal.Failed:
                Window.Failed(isFull: workers >= Dared);
                break;

            case PaceSignal.TooMany:
                learned.TooMany(now);
                keptUntil = now + Memory;
                break;

            case PaceSignal.Refused:
                Window.Refused(others, Heard.Sum(h => h.Sessions), Part);
                keptUntil = now + Memory;
                break;

            case PaceSignal.None:
                break;
        }

        if (!ReferenceEquals(learned.Learned, dividedFor))
        {
            Divide();
        }
    }

    /// <summary>What this node tells the others; null while there is nothing that they must know.</summary>
    /// <param name="sessions">Sessions that it has, or is opening.</param>
    /// <param name="waiting">Recipients that wait in memory, and can go as soon as their turn comes.</param>
    public PaceTold? Tell(int sessions, int waiting, DateTimeOffset now)
    {
        if (learned.Learned is null && Window.Learned is null && !Window.WasRefusedAlone && !Heard.Any(h => h.Matters))
        {
            (toldWanted, knownWanted) = (0, 0);
            return null;
        }

        // What was told in the last round others have heard by now.
        var wanted = Wanted(waiting, now);
        knownWanted = Math.Min(toldWanted, wanted);
        toldWanted = wanted;
        Divide();
        return new PaceTold
        {
            NodeId = NodeId, Wanted = wanted, Sessions = sessions, RateLearned = learned.Learned, SessionsLearned = Window.Learned,
            WasRefusedAlone = Window.WasRefusedAlone, KeptUntil = keptUntil,
        };
    }

    /// <summary>Twice the ceiling is more than any node can have, and does not change with each message.</summary>
    private int Wanted(int waiting, DateTimeOffset now) =>
        (int)Math.Ceiling(Math.Clamp(Math.Max(waiting, arrivals.Average(now)), 0, Math.Min(PaceDivision.Most, 2 * (learned.Learned?.Ceiling ?? 0.5))));

    /// <summary>What other nodes tell about the same lane.</summary>
    /// <param name="sessions">Sessions that this node has, or is opening.</param>
    public void Hear(IReadOnlyList<PaceTold> others, int sessions, DateTimeOffset now)
    {
        Heard = others;
        var before = (learned.Learned, Window.Learned);
        learned.Hear([.. Heard.Select(h => h.RateLearned).OfType<RateLearned>()], now);
        Divide();
        Window.Hear([.. Heard.Select(h => h.SessionsLearned).OfType<SessionsLearned>()], sessions, Heard.Sum(h => h.Sessions), Part);
        if (before != (learned.Learned, Window.Learned) && Heard.Max(h => h.KeptUntil) is var until && until > keptUntil)
        {
            keptUntil = until;
        }
    }

    /// <summary>This node among those that send there, as far as they said so: what a site takes is divided among these.</summary>
    private NodeShare Part => Heard.Count == 0 ? NodeShare.Whole
        : new(Heard.Count(h => h.IsThere && h.NodeId < NodeId), 1 + Heard.Count(h => h.IsThere));

    private double Configured(NodeShare share) => Limits.MessagesPerSecond.Value > 0 ? share.Of(Limits.MessagesPerSecond.Value) : 0;

    private void Divide()
    {
        dividedFor = learned.Learned;
        division = dividedFor is null ? default : PaceDivision.Of(dividedFor.Ceiling, Heard, NodeId, knownWanted);
    }

    /// <summary>Nothing would be lost with it.</summary>
    public bool IsForgettable(DateTimeOffset now) => keptUntil <= now && (factor == 1 || observed == 0);
}
