using System.Net;
using System.Net.Sockets;
using EmailService.Messages;
using EmailService.Mime;
using EmailService.Platform;

namespace EmailService.Egress;

/// <summary>Settings under <c>EmailService:Egress</c>: which of our addresses mail leaves from.</summary>
public sealed record EgressOptions : ICheckedOptions
{
    /// <summary>Egress sources by name. Empty: one source <c>default</c>, with whatever address the system takes and <c>HostName</c> for EHLO.</summary>
    public IReadOnlyDictionary<string, SourceSettings> Sources { get; init; } = new Dictionary<string, SourceSettings>();

    /// <summary>Pools by name: source → weight, its part of the mail in proportion to the others'.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, int>> Pools { get; init; } = new Dictionary<string, IReadOnlyDictionary<string, int>>();

    /// <summary>The pool of mail for which no other is named; null for all sources, with equal weights.</summary>
    public string? DefaultPool { get; init; }

    /// <summary>Account name → pool.</summary>
    public IReadOnlyDictionary<string, string> ByAccount { get; init; } = new Dictionary<string, string>();

    /// <summary><c>transactional</c> or <c>bulk</c> → pool.</summary>
    public IReadOnlyDictionary<string, string> ByStream { get; init; } = new Dictionary<string, string>();

    /// <summary>DNS block lists (RFC 5782) in which the sources' addresses are looked up.</summary>
    public IReadOnlyList<string> BlockLists { get; init; } = ["zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com"];

    public IEnumerable<(string Key, string Problem)> Check() =>
        [.. Sources.SelectMany(s => CheckSource($"{nameof(Sources)}:{s.Key}", s.Key, s.Value)), .. CheckPools(), .. CheckBlockLists()];

    private static IEnumerable<(string Key, string Problem)> CheckSource(string path, string name, SourceSettings source)
    {
        if (!IsName(name))
        {
            yield return (path, "expected a name of up to 50 letters, digits, _ and -");
        }

        if (source.Address is { AddressFamily: not AddressFamily.InterNetwork } other)
        {
            yield return ($"{path}:{nameof(SourceSettings.Address)}", $"found {other}, expected an IPv4 address; an IPv6 one goes into {nameof(SourceSettings.Ipv6Address)}");
        }

        if (source.Ipv6Address is { AddressFamily: not AddressFamily.InterNetworkV6 } old)
        {
            yield return ($"{path}:{nameof(SourceSettings.Ipv6Address)}", $"found {old}, expected an IPv6 address");
        }

        if (source.HelloName is { } hello && !DomainName.TryNormalize(hello, out _, out _))
        {
            yield return ($"{path}:{nameof(SourceSettings.HelloName)}", $"found \"{hello}\", expected a host name");
        }

        foreach (var (key, problem) in source.WarmUp?.Check() ?? [])
        {
            yield return ($"{path}:{nameof(SourceSettings.WarmUp)}:{key}", problem);
        }
    }

    private IEnumerable<(string Key, string Problem)> CheckPools()
    {
        foreach (var (name, members) in Pools)
        {
            var path = $"{nameof(Pools)}:{name}";
            if (!IsName(name))
            {
                yield return (path, "expected a name of up to 50 letters, digits, _ and -");
            }

            if (!members.Values.Any(weight => weight > 0))
            {
                yield return (path, "expected at least one source with a weight above 0");
            }

            foreach (var (source, weight) in members)
            {
                if (!Sources.ContainsKey(source))
                {
                    yield return ($"{path}:{source}", $"no such source; there are: {Known(Sources.Keys)}");
                }

                if (weight is < 0 or > 1000)
                {
                    yield return ($"{path}:{source}", $"found {weight}, expected a weight from 0 to 1000");
                }
            }
        }

        IEnumerable<(string Path, string Pool)> named =
        [
            .. DefaultPool is null ? [] : new[] { (nameof(DefaultPool), DefaultPool) },
            .. ByAccount.Select(p => ($"{nameof(ByAccount)}:{p.Key}", p.Value)),
            .. ByStream.Select(p => ($"{nameof(ByStream)}:{p.Key}", p.Value)),
        ];
        foreach (var (path, pool) in named.Where(n => !Pools.ContainsKey(n.Pool)))
        {
            yield return (path, $"found \"{pool}\", no such pool; there are: {Known(Pools.Keys)}");
        }

        foreach (var stream in ByStream.Keys.Where(s => !Names.TryParseStream(s, out _)))
        {
            yield return ($"{nameof(ByStream)}:{stream}", "no such stream; there are: transactional, bulk");
        }
    }

    private IEnumerable<(string Key, string Problem)> CheckBlockLists()
    {
        for (var i = 0; i < BlockLists.Count; i++)
        {
            if (!DomainName.TryNormalize(BlockLists[i], out _, out _))
            {
                yield return ($"{nameof(BlockLists)}:{i}", $"found \"{BlockLists[i]}\", expected a domain");
            }
        }
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 50 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static string Known(IEnumerable<string> names) =>
        names.Any() ? string.Join(", ", names.Order(StringComparer.Ordinal)) : "none";
}

/// <summary>One egress source.</summary>
public sealed record SourceSettings
{
    /// <summary>The local IPv4 address to connect from.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>The local IPv6 address to connect from. With one of the two, hosts are reached by that family only; with none the system
    /// takes an address for either.</summary>
    public IPAddress? Ipv6Address { get; init; }

    /// <summary>The name it gives in EHLO; null for <c>HostName</c>.</summary>
    public string? HelloName { get; init; }

    /// <summary>What the world sees, where that is not the local address: behind address translation nothing on this machine knows it.</summary>
    public IReadOnlyList<IPAddress> PublicAddresses { get; init; } = [];

    /// <summary>Null for a source that is known to mail hosts.</summary>
    public WarmUpSettings? WarmUp { get; init; }
}
