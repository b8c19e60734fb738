namespace EmailService.Deliver;

/// <summary>How the connections of a process are divided, and how long one that comes to nothing is kept while others wait for it.</summary>
public sealed record ConnectionRules
{
    /// <summary>All of them.</summary>
    public required int Most { get; init; }

    /// <summary>For sites that are new and those that are silent, together: a half.</summary>
    public required int Unproven { get; init; }

    /// <summary>For silent ones of these: a quarter of all, so that new ones always have the other.</summary>
    public required int Silent { get; init; }

    /// <summary>Kept open to unproven sites however many that answer wait: an eighth, or a busy day would shut newcomers out.</summary>
    public required int Kept { get; init; }

    /// <summary>Below so many in the hands of unproven sites, one of these may have several.</summary>
    public required int Plenty { get; init; }

    /// <summary>To one network (<see cref="RemoteNetwork"/>), for unproven sites.</summary>
    public required int UnprovenPerNetwork { get; init; }

    /// <summary>To one address, for unproven sites.</summary>
    public required int UnprovenPerAddress { get; init; }

    /// <summary>To one network, for all its sites; what the limits of one lane allow by themselves is allowed.</summary>
    public required int PerNetwork { get; init; }

    /// <summary>To one address, for all its sites; what the limits of one lane allow by themselves is allowed.</summary>
    public required int PerAddress { get; init; }

    /// <summary>How long the first attempt at a new site is left alone while others wait.</summary>
    public TimeSpan FirstProbe { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long each later one is, for the sake of sites that are new or answer: a host that greets late, to tire spammers, needs it.</summary>
    public TimeSpan LaterProbe { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long any is, for the sake of other silent sites.</summary>
    public TimeSpan SilentProbe { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an attempt at a site that answered may be without a session while others that answered wait: then it counts with those of
    /// silent sites, and is the first to be broken off.</summary>
    public TimeSpan Unanswered { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one with a session may take at most while others that answered wait: then it counts with those of silent sites.</summary>
    public TimeSpan Slow { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>No attempt takes too long before that, however quick its site was so far: a packet may be lost.</summary>
    public TimeSpan LeastPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>An attempt takes too long when it takes so many times what its site took on average.</summary>
    public double TimesAverage { get; init; } = 4;

    /// <summary>How long an attempt may take at a site that took so long so far, and at most: one that answered quickly, to be well thought of, and then
    /// drips is found out in two seconds.</summary>
    /// <param name="average">What its site took; null if that is not known.</param>
    /// <param name="most">The limit for sites that are slow or not known.</param>
    public TimeSpan Patience(TimeSpan? average, TimeSpan most) => average is not { } known || most <= LeastPatience || known >= most / TimesAverage ? most
        : known * TimesAverage > LeastPatience ? known * TimesAverage
        : LeastPatience;

    /// <summary>The rule for so many connections.</summary>
    public static ConnectionRules Of(int most) => new()
    {
        Most = most,
        Unproven = Math.Max(1, most / 2),
        Silent = Math.Max(1, most / 4),
        Kept = most / 8,
        Plenty = Math.Max(1, most / 8),
        UnprovenPerNetwork = Math.Max(2, most / 32),
        UnprovenPerAddress = Math.Max(2, most / 64),
        PerNetwork = Math.Max(2, most / 4),
        PerAddress = Math.Max(2, most / 8),
    };
}
