namespace EmailService.Deliver;

/// <summary>How many messages a second a site takes from all nodes together, learned from being told "too many": as
/// <see cref="ConcurrencyWindow"/> learns how many connections. Pure: the caller has the clock and the lock.
/// <para>The first refusal sets the ceiling to what was answered in the second before it. What one refusal says about a rate is little, so
/// from there it doubles until that is refused too, and then takes the middle of what was taken and what was refused, until the two are close.
/// From then on a little more is tried after a number of answers that doubles with each try that was refused, so that finding out costs at most
/// one message in so many; and after a try that went well more is tried the next time. A refusal of what was taken before lowers the
/// ceiling by a fiftieth, for a while, and by twice as much each time while much of all is refused; a site that goes on so has changed, and is
/// found out anew.</para>
/// <para>Nodes tell each other what they learned (<see cref="Hear"/>): one tries for all.</para></summary>
public sealed class LearnedRate
{
    /// <summary>Answers between a refusal and the next try of a little more.</summary>
    public const int LeastQuiet = 16;

    public const int MostQuiet = 4096;

    /// <summary>Messages a second; a site that refuses this too is another matter than pace.</summary>
    public const double Least = 0.05;

    /// <summary>What the first refusal leaves at least: one refusal of one message says little about a rate.</summary>
    private const double LeastAtFirst = 1;

    private const double LeastDecrease = 0.02;
    private const double MostDecrease = 0.16;
    private const double LeastIncrease = 1.03;
    private const double MostIncrease = 2;

    /// <summary>A try of more than this that is refused says that the truth lies in between, not that it is here.</summary>
    private const double CoarseIncrease = 1.2;

    /// <summary>Answers before the first try, and while doubling goes well: there is more to find out than to lose.</summary>
    private const int FirstQuiet = 4;

    /// <summary>Answers before the next try after a refusal outside one: where mail comes unevenly some are refused now and then, and each would
    /// lower the ceiling for long.</summary>
    private const int MostQuietAfterFall = 64;

    private const int Slots = 10;
    private static readonly TimeSpan Slot = TimeSpan.FromMilliseconds(100);

    /// <summary>Where messages are few, the next try comes by time, and later by as much as the number of answers grows.</summary>
    private static readonly TimeSpan LeastQuietTime = TimeSpan.FromMinutes(1);

    /// <summary>Refusals of messages that were under way together count once.</summary>
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(1);

    /// <summary>Before the next try of a little more, however many answers there were: a site that counts by the second must have had the time
    /// to refuse the last one, and other nodes to hear of it.</summary>
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(4);

    private readonly int[] answered = new int[Slots];
    private long slot;
    private double answersSince;
    private int ownSince;
    private int refusedSince;
    private DateTimeOffset changedAt = DateTimeOffset.MinValue;

    /// <summary>Null if the site never said that there were too many.</summary>
    public RateLearned? Learned { get; private set; }

    /// <summary>The site took a message, or refused it for a reason of its own.</summary>
    /// <param name="part">This node's part of the ceiling: only where that is used an answer says something about more.</param>
    public void Answered(DateTimeOffset now, double part)
    {
        TurnTo(now);
        answered[slot % Slots]++;
        if (Learned is not { } learned)
        {
            return;
        }

        // Others have their part of the answers.
        ownSince = Math.Min(ownSince + 1, MostQuiet);
        answersSince = Math.Min(answersSince + Math.Max(1, learned.Ceiling / part), MostQuiet);
        if (IsTimeToTry(learned, now) && LastSecond() >= 0.8 * part)
        {
            Change(More(learned), now);
        }
    }

    /// <summary>The site refused a message because there were too many.</summary>
    public void TooMany(DateTimeOffset now)
    {
        TurnTo(now);
        refusedSince++;
        if (Learned is not { IsTrying: true } && now - changedAt < Burst)
        {
            return;
        }

        Change(Learned is { } learned ? Less(learned, isFar: refusedSince * 5 >= ownSince) : Beginning(LastSecond(), 0), now);
    }

    /// <summary>Other nodes say what they know.</summary>
    public void Hear(IReadOnlyList<RateLearned> others, DateTimeOffset now)
    {
        if (others.Count == 0)
        {
            return;
        }

        TurnTo(now);
        var newest = others.Aggregate((a, b) => b.IsNewerThan(a) ? b : a);
        if (newest.Version == RateLearned.First && Learned is null or { Version: RateLearned.First })
        {
            // What each saw taken in the second before it was refused, or heard of it, adds up to what the site took. One that has ended since
            // is in the others' ceilings.
            var beginning = Beginning(Learned?.Took ?? LastSecond(), others.Sum(o => o.Took));
            beginning = beginning with { Ceiling = others.Append(Learned).Append(beginning).Max(o => o?.Ceiling ?? 0) };
            if (Learned is null)
            {
                Change(beginning, now);
            }

            Learned = beginning;
        }
        else if (newest.IsNewerThan(Learned))
        {
            Change(newest, now);
        }
    }

    private static RateLearned Beginning(int took, int others) => new()
    {
        Ceiling = Math.Max(LeastAtFirst, took + others), Took = took, Increase = MostIncrease, Quiet = FirstQuiet,
    };

    private static RateLearned More(RateLearned learned)
    {
        var next = learned with { Version = learned.Version + 1, Good = learned.Ceiling, IsTrying = true };
        if (learned.IsTrying)
        {
            var least = learned is { Increase: MostIncrease, IsClosingIn: false } ? FirstQuiet : LeastQuiet;
            next = next with { Quiet = Math.Min(learned.Quiet, Math.Max(least, learned.Quiet / 2)) };
            next = learned.IsClosingIn ? Closer(next) : next with { Increase = Math.Min(learned.Increase * learned.Increase, MostIncrease) };
        }

        return next with { Ceiling = learned.Ceiling * next.Increase };
    }

    /// <param name="isFar">Since it was changed, much of all was refused.</param>
    private static RateLearned Less(RateLearned learned, bool isFar)
    {
        var next = learned with { Version = learned.Version + 1, IsTrying = false, Quiet = Math.Max(LeastQuiet, learned.Quiet) };
        var isCoarse = learned.IsClosingIn || learned.Increase > CoarseIncrease;
        if (!learned.IsTrying)
        {
            var decrease = isFar ? Math.Clamp(2 * learned.Decrease, LeastDecrease, MostDecrease) : LeastDecrease;
            next = next with { Ceiling = Math.Max(Least, learned.Ceiling * (1 - decrease)), Decrease = decrease };
            return decrease == MostDecrease ? next with { Increase = MostIncrease, IsClosingIn = false, Quiet = LeastQuiet }
                : isCoarse ? next
                : next with { Increase = LeastIncrease, Quiet = Math.Min(next.Quiet, MostQuietAfterFall) };
        }

        next = next with { Ceiling = learned.Good, Decrease = 0 };
        return isCoarse ? Closer(next) : next with { Increase = LeastIncrease, Quiet = Math.Clamp(2 * learned.Quiet, LeastQuiet, MostQuiet) };
    }

    /// <summary>Half of the way, as factors go.</summary>
    private static RateLearned Closer(RateLearned learned) => Math.Sqrt(learned.Increase) is var increase && increase > LeastIncrease
        ? learned with { Increase = increase, IsClosingIn = true }
        : learned with { Increase = LeastIncrease, IsClosingIn = false };

    private void Change(RateLearned learned, DateTimeOffset now)
    {
        Learned = learned;
        (answersSince, ownSince, refusedSince) = (0, 0, 0);
        changedAt = now;
    }

    private bool IsTimeToTry(RateLearned learned, DateTimeOffset now) =>
        now - changedAt >= LeastQuietTime * learned.Quiet / LeastQuiet || (answersSince >= learned.Quiet && now - changedAt >= BetweenTries);

    private int LastSecond() => answered.Sum();

    private void TurnTo(DateTimeOffset now)
    {
        var present = now.Ticks / Slot.Ticks;

        // A clock that was set back takes what is remembered with it.
        if (present < slot)
        {
            changedAt = now < changedAt ? now : changedAt;
        }

        if (present < slot || present - slot >= Slots)
        {
            Array.Clear(answered);
            slot = present;
        }

        while (slot < present)
        {
            answered[++slot % Slots] = 0;
        }
    }
}
