using System.Net;

namespace EmailService.Dns;

/// <summary>How a <see cref="DnsResolver"/> asks and what it keeps. The defaults suit a resolver on the same host or network.</summary>
public sealed record DnsResolverOptions
{
    /// <summary>The recursive resolvers to ask, in order. Empty: those of <see cref="ResolvConfPath"/>, read again as it changes.</summary>
    public IReadOnlyList<IPEndPoint> Servers { get; init; } = [];

    /// <summary>Where servers come from when none are given; a file as resolv.conf(5) describes. Missing or empty: 127.0.0.1.</summary>
    public string ResolvConfPath { get; init; } = "/etc/resolv.conf";

    /// <summary>How long one server is waited for, by UDP and then again by TCP. 2 s.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a query may take in all, with every server and every alias. 8 s.</summary>
    public TimeSpan QueryDeadline { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>How often a server that does not answer is asked in one query, 1 to 10; the last time without EDNS, if there is more than one.
    /// One that answers SERVFAIL is asked once more, without EDNS; one that answers REFUSED is not asked again.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>How long a server that did not answer is asked last. 30 s.</summary>
    public TimeSpan BenchTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many aliases are followed before the chain counts as broken, 1 to 32.</summary>
    public int MaxAliases { get; init; } = 10;

    /// <summary>How many questions may be on the network at once; more wait, within their deadline. The first question of a query goes before further ones. 1,000.</summary>
    public int MaxConcurrentQueries { get; init; } = 1_000;

    /// <summary>How many answers are kept. One that came in more than 512 octets counts once for every 512 begun. 0 keeps none.</summary>
    public int CacheEntries { get; init; } = 100_000;

    /// <summary>The longest that an answer is kept, whatever its time to live. 1 day.</summary>
    public TimeSpan MaxTtl { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The longest that "no data" and "no such domain" are kept (RFC 2308 §5). 15 min.</summary>
    public TimeSpan MaxNegativeTtl { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How long "server failed" and "no answer" are kept, so that a broken domain is not asked about by every message at once
    /// (RFC 9520 §3.2 wants one second or more, and no more than five minutes). 5 s.
    /// </summary>
    public TimeSpan FailureTtl { get; init; } = TimeSpan.FromSeconds(5);

    internal void Validate()
    {
        Positive(AttemptTimeout, nameof(AttemptTimeout));
        Positive(QueryDeadline, nameof(QueryDeadline));
        ArgumentOutOfRangeException.ThrowIfLessThan(Rounds, 1, nameof(Rounds));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rounds, 10, nameof(Rounds));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxAliases, 1, nameof(MaxAliases));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxAliases, 32, nameof(MaxAliases));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConcurrentQueries, 1, nameof(MaxConcurrentQueries));
        ArgumentOutOfRangeException.ThrowIfNegative(CacheEntries, nameof(CacheEntries));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxTtl, TimeSpan.Zero, nameof(MaxTtl));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxNegativeTtl, TimeSpan.Zero, nameof(MaxNegativeTtl));
        ArgumentOutOfRangeException.ThrowIfLessThan(FailureTtl, TimeSpan.Zero, nameof(FailureTtl));
        ArgumentOutOfRangeException.ThrowIfLessThan(BenchTime, TimeSpan.Zero, nameof(BenchTime));
    }

    private static void Positive(TimeSpan value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromHours(1), name);
    }
}
