using System.Net;
using EmailService.Dns;

namespace EmailService.Simulation;

/// <summary>The world outside: sites by address, and what DNS says of them.</summary>
internal sealed class SimNet(IReadOnlyList<SimSite> sites, SimClock clock, Random random) : IDnsResolver
{
    private readonly Dictionary<IPAddress, SimSite> byAddress = sites.SelectMany(s => s.Hosts.Select(h => (h.Address, s))).ToDictionary(p => p.Address, p => p.s);
    private readonly Dictionary<string, IPAddress> byHost = sites.SelectMany(s => s.Hosts)
        .Concat(sites.SelectMany(s => s.Aliases.Select(a => ($"mx.{a}", s.Hosts[0].Address)))).ToDictionary(h => h.Item1, h => h.Item2);
    private readonly Dictionary<string, IReadOnlyList<string>> hostsOf = sites.Select(s => (s.Name, Hosts: (IReadOnlyList<string>)[.. s.Hosts.Select(h => h.Name)]))
        .Concat(sites.SelectMany(s => s.Aliases.Select(a => (a, (IReadOnlyList<string>)[$"mx.{a}"])))).ToDictionary(s => s.Item1, s => s.Item2);

    /// <summary>The end of domains that do not exist.</summary>
    public const string Nowhere = "nowhere.test";

    public IReadOnlyList<SimSite> Sites => sites;

    /// <summary>Is told of each connection that comes about.</summary>
    public Action<SimSite> Opened { get; set; } = _ => { };

    /// <summary>The name servers do not answer.</summary>
    public bool IsDnsDown { get; set; }

    public SimSite SiteOf(IPEndPoint endPoint) => byAddress[endPoint.Address];

    public ValueTask<DnsAnswer> QueryAsync(string name, DnsType type, CancellationToken cancellationToken)
    {
        // Most of it is cached.
        if (random.Next(16) != 0)
        {
            return ValueTask.FromResult(Answer(name, type));
        }

        var answer = new TaskCompletionSource<DnsAnswer>();
        clock.After(TimeSpan.FromMilliseconds(random.Next(1, 400)), () => answer.TrySetResult(Answer(name, type)));
        return new ValueTask<DnsAnswer>(answer.Task);
    }

    private DnsAnswer Answer(string name, DnsType type)
    {
        var life = TimeSpan.FromMinutes(5);
        if (IsDnsDown && random.Next(4) != 0)
        {
            return Of(random.Next(2) == 0 ? DnsStatus.ServerFailed : DnsStatus.NoAnswer);
        }

        // d1.example.test is a domain of the site example.test.
        return type switch
        {
            DnsType.Mx when hostsOf.TryGetValue(name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..], out var hosts) =>
                Of(DnsStatus.Found, [.. hosts.Select((h, i) => new MxRecord(name, life, i < 2 ? 10 : 20, h))]),
            DnsType.A when byHost.TryGetValue(name, out var address) => Of(DnsStatus.Found, [new AddressRecord(name, life, address)]),
            _ => Of(DnsStatus.NoSuchDomain),
        };

        DnsAnswer Of(DnsStatus status, IReadOnlyList<DnsRecord>? records = null) =>
            new(status, name, type, records ?? [], false, name, clock.GetUtcNow() + life, "simulated");
    }
}
