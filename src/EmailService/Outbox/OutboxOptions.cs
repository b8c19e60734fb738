using EmailService.Platform;

namespace EmailService.Outbox;

/// <summary>Settings under <c>EmailService:Outbox</c>.</summary>
public sealed record OutboxOptions : ICheckedOptions
{
    /// <summary>Wait after the first failed attempt.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Longest wait between attempts.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromHours(4);

    /// <summary>By how much each wait is longer than the one before.</summary>
    public double DelayFactor { get; init; } = 2;

    /// <summary>Share of a wait by which it is shortened or lengthened at random, 0 to 0.9.</summary>
    public double Jitter { get; init; } = 0.2;

    /// <summary>How long a recipient is tried. RFC 5321 §4.5.4.1 asks for at least 4 to 5 days of a relay;
    /// a password reset or receipt is worth nothing by then.</summary>
    public TimeSpan Expiry { get; init; } = TimeSpan.FromHours(72);

    /// <summary>The quiet time after an unknown outcome, before the same recipient is tried again.</summary>
    public TimeSpan UnknownQuietPeriod { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Longest time one claim may be held. A node that dies gives its claims back sooner, with its heartbeat.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromHours(2);

    /// <summary>Recipients that this node holds in memory at most, in hand or ready. Past that they wait in the table.</summary>
    public int ReadyRecipients { get; init; } = 8000;

    /// <summary>Octets of content handed over in memory at most, and as many claimed from the table; never more than an eighth of
    /// <c>Memory:ContentOctets</c>.</summary>
    public long ReadyOctets { get; init; } = 256L * 1024 * 1024;

    /// <summary>How often the table is asked for what is due, when nothing else wakes the node.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (FirstDelay <= TimeSpan.Zero)
        {
            yield return (nameof(FirstDelay), $"found {FirstDelay}; it must be above zero");
        }

        if (LongestDelay < FirstDelay)
        {
            yield return (nameof(LongestDelay), $"found {LongestDelay}, shorter than FirstDelay ({FirstDelay})");
        }

        if (DelayFactor is < 1 or > 100 or double.NaN)
        {
            yield return (nameof(DelayFactor), $"found {DelayFactor}; it must be between 1 and 100");
        }

        if (Jitter is < 0 or > 0.9 or double.NaN)
        {
            yield return (nameof(Jitter), $"found {Jitter}; it must be between 0 and 0.9");
        }

        if (Expiry <= TimeSpan.Zero)
        {
            yield return (nameof(Expiry), $"found {Expiry}; it must be above zero");
        }

        if (UnknownQuietPeriod < TimeSpan.Zero)
        {
            yield return (nameof(UnknownQuietPeriod), $"found {UnknownQuietPeriod}; it must not be negative");
        }

        if (LeaseDuration < TimeSpan.FromMinutes(30))
        {
            yield return (nameof(LeaseDuration), $"found {LeaseDuration}; below 30 minutes an attempt may outlive its lease and mail is sent twice");
        }

        if (ReadyRecipients < 1)
        {
            yield return (nameof(ReadyRecipients), $"found {ReadyRecipients}; it must be at least 1");
        }

        if (ReadyOctets < 1)
        {
            yield return (nameof(ReadyOctets), $"found {ReadyOctets}; it must be at least 1");
        }

        if (PollInterval <= TimeSpan.Zero)
        {
            yield return (nameof(PollInterval), $"found {PollInterval}; it must be above zero");
        }
    }
}
