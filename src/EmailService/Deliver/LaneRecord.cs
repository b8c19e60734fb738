using EmailService.Messages;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>What a lane remembers of its last minute and its last replies, for those who ask. Bounded. Not thread-safe; the lane has the lock.</summary>
public sealed class LaneRecord
{
    private const int MostDomains = 100;
    private const int MostRefusals = 4;
    private const int Parts = 6;

    private static readonly TimeSpan Part = TimeSpan.FromSeconds(10);

    private readonly HashSet<string> domains = [];
    private readonly Queue<(DateTimeOffset At, Outcome Outcome)> refusals = new(MostRefusals);
    private readonly (long Number, MinuteCounts Counts)[] parts = new (long, MinuteCounts)[Parts];
    private (DateTimeOffset At, Outcome Outcome)? delivered;

    /// <summary>What a delivery takes, the last ones counting most; null before the first. Failures take no time, or all of it, and say
    /// nothing about how fast the lane may go.</summary>
    public double? SecondsPerMessage { get; private set; }

    /// <summary>Lanes of the table whose recipients came here; some of them, if they are many.</summary>
    public string[] Domains => [.. domains];

    /// <summary>The last delivery and the last refusals, newest first.</summary>
    public IReadOnlyList<(DateTimeOffset At, Outcome Outcome)> Outcomes =>
        [.. (delivered is { } last ? refusals.Append(last) : refusals).OrderByDescending(o => o.At)];

    public void NoteDomain(string lane)
    {
        if (domains.Count < MostDomains)
        {
            domains.Add(lane);
        }
    }

    public void Add(Outcome outcome, TimeSpan took, DateTimeOffset now)
    {
        var number = now.UtcTicks / Part.Ticks;
        ref var part = ref parts[number % Parts];
        part = (number, (part.Number == number ? part.Counts : default) + new MinuteCounts(
            outcome.Disposition == Disposition.Delivered ? 1 : 0,
            outcome.Disposition is Disposition.Deferred or Disposition.Unknown ? 1 : 0,
            outcome.Disposition == Disposition.Bounced ? 1 : 0));
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

    /// <summary>What came of the attempts of the last minute, to ten seconds.</summary>
    public MinuteCounts Minute(DateTimeOffset now)
    {
        var number = now.UtcTicks / Part.Ticks;
        return parts.Where(p => p.Number > number - Parts).Aggregate(default(MinuteCounts), (sum, p) => sum + p.Counts);
    }
}
