namespace EmailService.Deliver;

/// <summary>Messages per second over the last time. Pure: the caller has the clock.</summary>
/// <param name="period">What is told covers one to two of them.</param>
public sealed class RateMeter(TimeSpan period)
{
    private const int Few = 10;

    private DateTimeOffset began = DateTimeOffset.MinValue;
    private int before;
    private int current;

    /// <summary>One message more.</summary>
    public void Count(DateTimeOffset now)
    {
        Turn(now);
        current++;
    }

    /// <summary>Messages in a second; 0 if there were too few to say.</summary>
    public double PerSecond(DateTimeOffset now)
    {
        Turn(now);
        return before + current < Few ? 0 : Average(now);
    }

    /// <summary>The same, however few there were.</summary>
    public double Average(DateTimeOffset now)
    {
        Turn(now);

        // What came in a burst that has just begun is not spread over the silence before it.
        var seconds = (now - began + (before > 0 ? period : TimeSpan.Zero)).TotalSeconds;
        return (before + current) / Math.Max(1, seconds);
    }

    private void Turn(DateTimeOffset now)
    {
        // Also when a clock was set back.
        if (now >= began && now - began < period)
        {
            return;
        }

        before = now >= began && now - began < 2 * period ? current : 0;
        current = 0;
        began = now;
    }
}
