namespace EmailService.TlsReports;

/// <summary>When a report that could not be sent is tried again: after 15 minutes, then twice as long each time up to 4 hours, for a day. RFC 8460 §5.5.</summary>
public static class TlsReportRetry
{
    private static readonly TimeSpan First = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(4);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromHours(24);

    /// <summary>Null: not any more.</summary>
    /// <param name="tries">Those made, 1 at least.</param>
    public static DateTimeOffset? Next(int tries, DateTimeOffset firstTry, DateTimeOffset now)
    {
        var pause = First * Math.Pow(2, Math.Min(tries - 1, 10));
        var next = now + (pause < Longest ? pause : Longest);
        return next - firstTry <= GiveUpAfter ? next : null;
    }
}
