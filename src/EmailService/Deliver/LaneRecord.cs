using EmailService.Messages;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>What a lane remembers of its last minute, its last hour and its last replies, for those who ask. Bounded.</summary>
/// <remarks>Thread-safe: a lane that comes back takes over the record of the one that left, of which somebody may just be told.</remarks>
public sealed class LaneRecord
{
    private const int MostDomains = 100;
    private const int MostRefusals = 4;

    private readonly Lock gate = new();
    private readonly HashSet<string> domains = [];
    private readonly Queue<(DateTimeOffset At, Outcome Outcome)> refusals = new(MostRefusals);
    private readonly OutcomeCounter minute = new(6, TimeSpan.FromSeconds(10));
    private readonly OutcomeCounter hour = new(12, TimeSpan.FromMinutes(5));
    private (DateTimeOffset At, Outcome Outcome)? delivered;

    /// <summary>What a delivery takes, the last ones counting most; null before the first. Failures take no time, or all of it, and say
    /// nothing about how fast the lane may go.</summary>
    public double? SecondsPerMessage { get; private set; }

    /// <summary>When the last attempt came to its outcome; null before the first.</summary>
    public DateTimeOffset? LastAt { get; private set; }

    /// <summary>Lanes of the table whose recipients came here; some of them, if they are many.</summary>
    public string[] Domains
    {
        get
        {
            lock (gate)
            {
                return [.. domains];
            }
        }
    }

    /// <summary>The last delivery and the last refusals, newest first.</summary>
    public IReadOnlyList<(DateTimeOffset At, Outcome Outcome)> Outcomes
    {
        get
        {
            lock (gate)
            {
                return [.. (delivered is { } last ? refusals.Append(last) : refusals).OrderByDescending(o => o.At)];
            }
        }
    }

    public void NoteDomain(string lane)
    {
        lock (gate)
        {
            if (domains.Count < MostDomains)
            {
                domains.Add(lane);
            }
        }
    }

    public void Add(Outcome outcome, TimeSpan took, DateTimeOffset now)
    {
        var counts = new OutcomeCounts(
            outcome.Disposition == Disposition.Delivered ? 1 : 0,
            outcome.Disposition is Disposition.Deferred or Disposition.Unknown ? 1 : 0,
            outcome.Disposition == Disposition.Bounced ? 1 : 0);
        lock (gate)
        {
            minute.Add(counts, now);
            hour.Add(counts, now);
            LastAt = now;
            Note(outcome, took, now);
        }
    }

    /// <summary>What came of the attempts of the last minute, to ten seconds.</summary>
    public OutcomeCounts Minute(DateTimeOffset now)
    {
        lock (gate)
        {
            return minute.Sum(now);
        }
    }

    /// <summary>What came of the attempts of the last hour, to five minutes.</summary>
    public OutcomeCounts Hour(DateTimeOffset now)
    {
        lock (gate)
        {
            return hour.Sum(now);
        }
    }

    private void Note(Outcome outcome, TimeSpan took, DateTimeOffset now)
    {
        if (outcome.Disposition == Disposition.Delivered)
        {
            SecondsPerMessage = SecondsPerMessage is { } before ? (0.9 * before) + (0.1 * took.TotalSeconds) : took.TotalSeconds;
            delivered = (now, outcome);
            return;
        }

        if (refusals.Count == MostRefusals)
        {
            refusals.Dequeue();
        }

        refusals.Enqueue((now, outcome));
    }
}
