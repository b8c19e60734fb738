namespace EmailService.Deliver;

/// <summary>Messages per second over the last ten to twenty seconds. Pure: the caller has the clock.</summary>
public sealed class RateMeter
{
    private const int Few = 10;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    private DateTimeOffset began = DateTimeOffset.MinValue;
    private int before;
    private int current;

    /// <summary>One message more.</summary>
    public void Count(DateTimeOffset now)
    {
        Turn(now);
        current++;
    }

    /// <summary>How many leave in a second; 0 if there were too few to say.</summary>
    public double PerSecond(DateTimeOffset now)
    {
        Turn(now);

        // What came in a burst that has just begun is not spread over the silence before it.
        var seconds = (now - began + (before > 0 ? Period : TimeSpan.Zero)).TotalSeconds;
        return before + current < Few ? 0 : (before + current) / Math.Max(1, seconds);
    }

    private void Turn(DateTimeOffset now)
    {
        if (now - began < Period)
        {
            return;
        }

        before = now - began < 2 * Period ? current : 0;
        current = 0;
        began = now;
    }
}
