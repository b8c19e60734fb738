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

    private const int MostWhole = 1_000_000;

    private readonly RateBucket bucket = new();
    private readonly RateMeter meter = new(TimeSpan.FromSeconds(10));
    private readonly RateMeter lately = new(TimeSpan.FromSeconds(0.75));
    private readonly LearnedRate learned = new();
    private double factor = 1;
    private double observed;
    private bool hasSaidHeldBack;
    private DateTimeOffset keptUntil = DateTimeOffset.MinValue;

    /// <summary>Of this node: those that are held back stand in the order of their numbers.</summary>
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

    /// <summary>How long the message that this call stands for must wait.</summary>
    public TimeSpan Take(DateTimeOffset now, NodeShare share)
    {
        meter.Count(now);
        lately.Count(now);
        return bucket.Take(now, Rate(share));
    }

    /// <summary>Messages per second of this node; 0 is no limit.</summary>
    public double Rate(NodeShare share) => (Configured(share), LearnedPart()) switch
    {
        (0, 0) => factor < 1 && observed >= 1 ? observed * factor : 0,
        (0, var learned) => learned * factor,
        (var configured, 0) => configured * factor,
        var (configured, learned) => Math.Min(configured, learned) * factor,
    };

    /// <summary>Messages per second of all nodes together, as far as this one knows; 0 is no limit.</summary>
    public double RateOfAll(NodeShare share) => IsRateLearned(share) ? learned.Learned!.Ceiling * factor : Rate(share) * share.Nodes;

    /// <summary>The rate is what the site was seen to take, less than what is configured.</summary>
    public bool IsRateLearned(NodeShare share) => LearnedPart() is > 0 and var part && (Configured(share) == 0 || part < Configured(share));

    /// <param name="workers">Workers of the lane, the observing one included.</param>
    /// <param name="others">Sessions that other workers have, or are opening.</param>
    public void Observe(PaceSignal signal, int workers, int others, DateTimeOffset now, NodeShare share)
    {
        switch (signal)
        {
            case PaceSignal.Answered:
                Window.Answered(isFull: workers >= Dared, share.Of(Limits.Connections.Value), Part, workers + Heard.Sum(h => h.Sessions));
                learned.Answered(now, LearnedPart());
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
    }

    /// <summary>What this node tells the others; null while there is nothing that they must know.</summary>
    /// <param name="sessions">Sessions that it has, or is opening.</param>
    /// <param name="waiting">Recipients that wait in memory.</param>
    public PaceTold? Tell(int sessions, int waiting, DateTimeOffset now)
    {
        var told = new PaceTold
        {
            NodeId = NodeId, Rate = Math.Round(lately.Average(now), 2), IsHeldBack = waiting > 0 && sessions > 0, Sessions = sessions,
            RateLearned = learned.Learned, SessionsLearned = Window.Learned, WasRefusedAlone = Window.WasRefusedAlone,
            KeptUntil = keptUntil,
        };
        var isOfUse = told.Matters || Heard.Any(h => h.Matters);
        hasSaidHeldBack = isOfUse && told.IsHeldBack;
        return isOfUse ? told : null;
    }

    /// <summary>What other nodes tell about the same lane.</summary>
    /// <param name="sessions">Sessions that this node has, or is opening.</param>
    public void Hear(IReadOnlyList<PaceTold> others, int sessions, DateTimeOffset now)
    {
        Heard = others;
        var before = (learned.Learned, Window.Learned);
        learned.Hear([.. Heard.Select(h => h.RateLearned).OfType<RateLearned>()], now);
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

    /// <summary>This node's part of the learned ceiling; 0 if there is none. Those that have less to send than an equal part leave the rest to
    /// the others. Who has not said yet that it is held back takes what they leave, or half of its part.</summary>
    private double LearnedPart()
    {
        if (learned.Learned is not { Ceiling: var ceiling } || Heard.Count == 0)
        {
            return learned.Learned?.Ceiling ?? 0;
        }

        var (left, nodes) = (ceiling, Heard.Count + 1);
        foreach (var rate in Heard.Where(h => !h.IsHeldBack).Select(h => h.Rate).Order())
        {
            if (rate > left / nodes)
            {
                break;
            }

            (left, nodes) = (left - rate, nodes - 1);
        }

        if (!hasSaidHeldBack)
        {
            return Math.Min(left / nodes, Math.Max(left / nodes / 2, ceiling - Heard.Sum(h => h.Rate)));
        }

        // Of 19.6 three nodes send 6.86, 6.86 and 5.88: in no second more than 7, 7 and 6. With 6.53 each it would be 7, 7 and 7 in some, and a
        // site that counts by the second refuses the 21st.
        var whole = (int)Math.Ceiling(Math.Min(left, MostWhole));
        var share = new NodeShare(Heard.Count(h => h.IsHeldBack && h.NodeId < NodeId), nodes);
        return whole < nodes || whole >= MostWhole ? left / nodes : left * share.Of(whole) / whole;
    }

    /// <summary>Nothing would be lost with it.</summary>
    public bool IsForgettable(DateTimeOffset now) => keptUntil <= now && (factor == 1 || observed == 0);
}
