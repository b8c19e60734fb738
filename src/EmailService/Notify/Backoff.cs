namespace EmailService.Notify;

/// <summary>When to try a webhook again.</summary>
internal static class Backoff
{
    /// <summary>Doubles from the first pause to the longest, and adds up to a quarter so that webhooks that failed
    /// together (a receiver that restarted) do not come back together.</summary>
    /// <param name="failures">In a row, this one included; from 1.</param>
    /// <param name="chance">From 0 to 1.</param>
    public static TimeSpan After(int failures, TimeSpan first, TimeSpan max, double chance)
    {
        var doublings = Math.Clamp(failures - 1, 0, 40);
        var pause = Math.Min(max.TotalSeconds, first.TotalSeconds * Math.Pow(2, doublings));
        return TimeSpan.FromSeconds(pause * (1 + (0.25 * chance)));
    }
}
