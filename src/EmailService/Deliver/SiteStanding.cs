using System.Net;

namespace EmailService.Deliver;

/// <summary>What is known of a site: it decides how many of the process's connections it may have.</summary>
public enum SiteState
{
    /// <summary>It answered within the last day, and does not take long over it.</summary>
    Answers,

    /// <summary>Nothing yet.</summary>
    New,

    /// <summary>It gave no session the last time, or takes very long over each message.</summary>
    Silent,
}

/// <summary>The standing of one site, shared by the lanes of all our sources. It outlives these lanes, so that a site which was silent a minute ago
/// is not new again at the next attempt. Thread-safe.
/// <para>A site earns its standing by answers and keeps it by the time that they take: one that answered once, to be well thought of, and then drips
/// loses it with the first attempt that drips.</para></summary>
public sealed class SiteStanding(string site)
{
    /// <summary>A site that takes longer than this for a message, on average, has the standing of a silent one.</summary>
    public static readonly TimeSpan LongestAverage = TimeSpan.FromSeconds(30);

    /// <summary>How long an answer is remembered.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromDays(1);

    /// <summary>One attempt tells no more than so much: a single final reply after ten minutes is forgotten after some quick ones.</summary>
    private static readonly TimeSpan LongestSample = TimeSpan.FromMinutes(5);

    private const double Weight = 0.2;

    private readonly Lock gate = new();
    private volatile SiteState state = SiteState.New;
    private double? average;
    private double? opening;

    /// <summary>The site's name: that of its lane in the table.</summary>
    public string Site => site;

    public SiteState State => state;

    /// <summary>When it last answered and had the standing of one that does; null if it has not.</summary>
    public DateTimeOffset? AnsweredAt { get; private set; }

    /// <summary>When it was last heard of or tried.</summary>
    public DateTimeOffset NotedAt { get; private set; }

    /// <summary>How long its sessions took for a message, on average of the last ones; null before the first.</summary>
    public TimeSpan? Average
    {
        get
        {
            lock (gate)
            {
                return average is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
            }
        }
    }

    /// <summary>How long it took until it gave a session, on average of the last ones; null before the first.</summary>
    public TimeSpan? Opening
    {
        get
        {
            lock (gate)
            {
                return opening is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
            }
        }
    }

    /// <summary>The address that was dialled last; null before the first.</summary>
    public IPAddress? Address { get; set; }

    /// <summary>Another process, or this one before it was started anew, knows that the site answers.</summary>
    public void Heard(DateTimeOffset answeredAt)
    {
        lock (gate)
        {
            if (state == SiteState.New)
            {
                (state, AnsweredAt, NotedAt) = (SiteState.Answers, answeredAt, answeredAt);
            }
        }
    }

    /// <summary>It gave a session, which was opened for an attempt.</summary>
    /// <param name="took">Since the attempt began.</param>
    public void Opened(TimeSpan took)
    {
        lock (gate)
        {
            opening = Averaged(opening, took);
        }
    }

    /// <summary>An attempt came to its end.</summary>
    /// <param name="signal">What the outcome says.</param>
    /// <param name="isFailure">No host gave a session.</param>
    /// <param name="took">The time of its sessions, less what its content takes on a slow line.</param>
    /// <returns>True if that changed its state.</returns>
    public bool Note(PaceSignal signal, bool isFailure, TimeSpan took, DateTimeOffset now)
    {
        lock (gate)
        {
            var before = state;
            NotedAt = now;
            if (!isFailure && signal is not (PaceSignal.None or PaceSignal.Refused))
            {
                // What gave no session does not count: a site that is back from an outage has its standing with its first answer.
                average = Averaged(average, took);
            }

            state = Next(before, signal, isFailure, average ?? 0);
            AnsweredAt = state != SiteState.Answers ? null : signal == PaceSignal.Answered ? now : AnsweredAt;
            return state != before;
        }
    }

    /// <summary>A day after its last answer it is new again; so is a site a day after it was last tried in vain.</summary>
    public bool ForgetIfOld(DateTimeOffset now)
    {
        lock (gate)
        {
            if (now - NotedAt < Lasts)
            {
                return false;
            }

            (state, average, opening, AnsweredAt) = (SiteState.New, null, null, null);
            return true;
        }
    }

    private static double Averaged(double? known, TimeSpan took)
    {
        var sample = Math.Clamp(took.TotalSeconds, 0, LongestSample.TotalSeconds);
        return known is { } average ? average + (Weight * (sample - average)) : sample;
    }

    /// <summary>The rule.</summary>
    /// <param name="average">Seconds that its attempts take.</param>
    public static SiteState Next(SiteState state, PaceSignal signal, bool isFailure, double average) => isFailure ? SiteState.Silent : signal switch
    {
        PaceSignal.Answered or PaceSignal.TooMany => average < LongestAverage.TotalSeconds ? SiteState.Answers : SiteState.Silent,

        // A session broke on the way. That alone says little; that it took minutes says what a missing answer says.
        PaceSignal.Failed => average < LongestAverage.TotalSeconds ? state : SiteState.Silent,
        PaceSignal.None or PaceSignal.Refused => state,
    };
}
