namespace EmailService.Outbox;

/// <summary>When to try again. The one place that says how long a deferred recipient waits.</summary>
public static class RetrySchedule
{
    /// <summary>The wait after attempt <paramref name="attempt"/> (from 1): the first delay, doubled (or
    /// whatever the factor) with each attempt up to the longest, spread by the jitter so that what
    /// failed together does not come back together.</summary>
    /// <param name="chance">From 0 to below 1; 0.5 gives the delay without jitter.</param>
    public static TimeSpan DelayAfter(int attempt, OutboxOptions options, double chance)
    {
        var doublings = Math.Clamp(attempt - 1, 0, 1000);
        var delay = Math.Min(
            options.FirstDelay.TotalMilliseconds * Math.Pow(options.DelayFactor, doublings),
            options.LongestDelay.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(delay * (1 + options.Jitter * (2 * chance - 1)));
    }

    /// <summary>When attempt <paramref name="attempt"/> is followed by the next, or null when the
    /// recipient's time is over. The last attempt falls on the expiry itself, not before it.</summary>
    /// <param name="asked">A wait that a reply rule asks for, in place of ours. After the first attempt it only lengthens ours: a host that says
    /// "in a minute" for three days is not asked every minute.</param>
    public static DateTimeOffset? NextAttempt(
        int attempt, DateTimeOffset now, DateTimeOffset expiresAt, OutboxOptions options, double chance, TimeSpan? asked = null)
    {
        if (now >= expiresAt)
        {
            return null;
        }

        var delay = DelayAfter(attempt, options, chance);
        if (asked is { } wait && (attempt == 1 || wait > delay))
        {
            // Never sooner: who greylists counts the seconds.
            delay = wait * (1 + options.Jitter * chance);
        }

        var next = now + delay;
        return next < expiresAt ? next : expiresAt;
    }

    /// <summary>When a recipient that a dead worker held is due. At once, so that a crash costs no time; but
    /// one that was held at many deaths may be what kills us, so it waits longer each time.</summary>
    public static TimeSpan DelayAfterCrash(int attempt, OutboxOptions options) =>
        attempt <= 5 ? TimeSpan.Zero : DelayAfter(attempt - 5, options, 0.5);
}
