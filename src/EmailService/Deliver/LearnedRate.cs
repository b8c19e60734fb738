namespace EmailService.Deliver;

/// <summary>How many messages a second a site takes, learned from being told "too many": as <see cref="ConcurrencyWindow"/> learns how many
/// connections. Pure: the caller has the clock and the lock.
/// <para>The first refusal sets the ceiling to what was answered in the second before it; each further one, while the ceiling holds,
/// takes a twentieth. What one refusal says about a rate is little, so from there it doubles, until that is refused too. From then on a little
/// more is tried after a number of answers that doubles with each try that was refused, so that finding out costs at most one message in so
/// many; and after a try that went well more is tried the next time.</para></summary>
public sealed class LearnedRate
{
    /// <summary>Answers between a refusal and the next try of a little more.</summary>
    public const int LeastQuiet = 16;

    public const int MostQuiet = 4096;

    /// <summary>Messages a second; a site that refuses this too is another matter than pace.</summary>
    public const double Least = 0.05;

    /// <summary>What the first refusal leaves at least: one refusal of one message says little about a rate.</summary>
    private const double LeastAtFirst = 1;

    private const double Decrease = 0.95;
    private const double LeastIncrease = 1.03;
    private const double MostIncrease = 2;

    /// <summary>Answers before the first try: it has more to find out than to lose.</summary>
    private const int FirstQuiet = 4;

    private const int Slots = 10;
    private static readonly TimeSpan Slot = TimeSpan.FromMilliseconds(100);

    /// <summary>Where messages are few, the next try comes by time, and later by as much as the number of answers grows.</summary>
    private static readonly TimeSpan LeastQuietTime = TimeSpan.FromMinutes(1);

    /// <summary>Refusals of messages that were under way together count once.</summary>
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(1);

    /// <summary>Before the next try of a little more, however many answers there were: a site that counts by the second must have had the time
    /// to refuse the last one.</summary>
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(4);

    private readonly int[] answered = new int[Slots];
    private long slot;
    private double good;
    private double increase = MostIncrease;
    private int quiet = FirstQuiet;
    private int answersSince;
    private bool isTrying;
    private DateTimeOffset changedAt = DateTimeOffset.MinValue;

    /// <summary>Messages a second that the site has been seen to take, or null if it never said that there were too many.</summary>
    public double? Ceiling { get; private set; }

    /// <summary>The smaller of what is allowed and what was learned.</summary>
    /// <param name="perSecond">What is allowed; 0 is no limit.</param>
    public double Of(double perSecond) => Ceiling is not { } ceiling ? perSecond : perSecond > 0 ? Math.Min(perSecond, ceiling) : ceiling;

    /// <summary>The site took a message, or refused it for a reason of its own.</summary>
    public void Answered(DateTimeOffset now)
    {
        TurnTo(now);
        answered[slot % Slots]++;
        answersSince = Math.Min(answersSince + 1, MostQuiet);
        if (Ceiling is not { } ceiling || !IsTimeToTry(now) || LastSecond() < 0.8 * ceiling)
        {
            return;
        }

        if (isTrying)
        {
            quiet = Math.Min(quiet, Math.Max(LeastQuiet, quiet / 2));
            increase = Math.Min(increase * increase, MostIncrease);
        }

        good = ceiling;
        Ceiling = ceiling * increase;
        isTrying = true;
        answersSince = 0;
        changedAt = now;
    }

    /// <summary>The site refused a message because there were too many.</summary>
    public void TooMany(DateTimeOffset now)
    {
        TurnTo(now);
        if (!isTrying && now - changedAt < Burst)
        {
            return;
        }

        changedAt = now;
        answersSince = 0;
        if (Ceiling is not { } ceiling)
        {
            Ceiling = Math.Max(LeastAtFirst, LastSecond());
            return;
        }

        Ceiling = isTrying ? good : Math.Max(Least, ceiling * Decrease);
        quiet = Math.Clamp(isTrying ? 2 * quiet : quiet, LeastQuiet, MostQuiet);
        increase = LeastIncrease;
        isTrying = false;
    }

    private bool IsTimeToTry(DateTimeOffset now) =>
        now - changedAt >= LeastQuietTime * quiet / LeastQuiet || (answersSince >= quiet && now - changedAt >= BetweenTries);

    private int LastSecond() => answered.Sum();

    private void TurnTo(DateTimeOffset now)
    {
        var present = now.Ticks / Slot.Ticks;
        if (present - slot >= Slots)
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
