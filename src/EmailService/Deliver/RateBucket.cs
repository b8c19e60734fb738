namespace EmailService.Deliver;

/// <summary>Tokens for messages, one at a time at even distances. Whoever comes gets a place and the time until it is his turn, so a
/// worker that wakes late takes nothing from the rate. Pure: the caller has the clock.</summary>
public sealed class RateBucket
{
    private DateTimeOffset next = DateTimeOffset.MinValue;
    private DateTimeOffset last = DateTimeOffset.MinValue;

    /// <summary>Nobody has a turn before.</summary>
    public void Hold(DateTimeOffset until) => next = next > until ? next : until;

    /// <summary>How long to wait for the token that this call takes; zero if it is there.</summary>
    /// <param name="perSecond">0 is no limit.</param>
    public TimeSpan Take(DateTimeOffset now, double perSecond)
    {
        if (perSecond <= 0)
        {
            return TimeSpan.Zero;
        }

        // A clock that was set back takes the places given out with it, or nobody would have a turn until it has caught up.
        if (now < last)
        {
            next -= last - now;
        }

        last = now;

        // Nothing is saved up: a second after a pause has no more messages than any other.
        var turn = next > now ? next : now;
        next = turn + TimeSpan.FromSeconds(1 / perSecond);
        return turn - now;
    }
}
