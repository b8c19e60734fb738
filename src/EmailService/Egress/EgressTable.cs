using System.Collections.Frozen;
using EmailService.Messages;
using EmailService.Platform;

namespace EmailService.Egress;

/// <summary>The sources and pools as configured. Pure once it is made.</summary>
public sealed class EgressTable
{
    private readonly FrozenDictionary<string, EgressPool> pools;
    private readonly FrozenDictionary<string, string> byAccount;
    private readonly FrozenDictionary<MailStream, string> byStream;
    private readonly EgressPool others;
    private readonly bool hasDefault;

    public EgressTable(EgressOptions options, PlatformOptions platform)
    {
        var sources = options.Sources.Select(s => new EgressSource(s.Key, s.Value.HelloName ?? platform.HostName)
        {
            Address = s.Value.Address,
            Ipv6Address = s.Value.Ipv6Address,
            PublicAddresses = s.Value.PublicAddresses,
            WarmUp = s.Value.WarmUp?.ToPlan(),
        }).ToFrozenDictionary(s => s.Name, StringComparer.OrdinalIgnoreCase);
        Internal = new EgressSource(EgressSource.DefaultName, platform.HostName);
        Sources = sources.Count > 0 ? [.. sources.Values] : [Internal];
        pools = options.Pools.Select(p => new EgressPool(
                p.Key, [.. p.Value.Where(m => m.Value > 0).Select(m => new PoolMember(sources[m.Key], m.Value))]))
            .ToFrozenDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);
        byAccount = options.ByAccount.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        byStream = options.ByStream.ToFrozenDictionary(s => Names.TryParseStream(s.Key, out var stream) ? stream : default, s => s.Value);
        hasDefault = options.DefaultPool is not null;
        others = options.DefaultPool is { } name
            ? pools[name]
            : new EgressPool("all", [.. Sources.Select(s => new PoolMember(s, 1))]);
    }

    public IReadOnlyList<EgressSource> Sources { get; }

    /// <summary>Whatever address the system takes: for mail that does not leave this process, and the only source where none is configured.</summary>
    public EgressSource Internal { get; }

    /// <summary>None is configured: lanes are called by their site alone.</summary>
    public bool IsPlain => Sources is [var only] && only == Internal;

    public IReadOnlyCollection<string> PoolNames => pools.Keys;

    /// <summary>The pool of a message, and why: the one that it names, or its account's, its stream's, the default.</summary>
    /// <param name="named">One that is no longer configured counts as not named: the message was accepted.</param>
    public (EgressPool Pool, string Why) PoolOf(string? named, string? account, MailStream stream)
    {
        if (named is not null && pools.TryGetValue(named, out var own))
        {
            return (own, "named by the message (ip_pool_name)");
        }

        if (account is not null && byAccount.TryGetValue(account, out var ofAccount))
        {
            return (pools[ofAccount], $"Egress:ByAccount:{account}");
        }

        return byStream.TryGetValue(stream, out var ofStream)
            ? (pools[ofStream], $"Egress:ByStream:{stream.ToName()}")
            : (others, hasDefault ? "Egress:DefaultPool" : "every source, as no pool is the default");
    }

    /// <summary>The name of the lane in memory: a site as one source sees it.</summary>
    public string LaneOf(string site, EgressSource source) => IsPlain ? site : $"{site}@{source.Name}";
}
