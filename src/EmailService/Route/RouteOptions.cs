using System.Net;
using EmailService.Platform;

namespace EmailService.Route;

/// <summary>What an operator asks of TLS.</summary>
public enum TlsDemand
{
    None,
    Opportunistic,
    Required,
    Verified,
}

/// <summary>Settings under <c>EmailService:Route</c>.</summary>
public sealed record RouteOptions : ICheckedOptions
{
    /// <summary>False, the default: all mail goes to the built-in catch-all host on loopback and is read at <c>/inbox</c>.
    /// True: mail goes to the recipients' mail hosts.</summary>
    public bool Live { get; init; }

    /// <summary>The port of the recipients' mail hosts. 25 everywhere but in tests.</summary>
    public int Port { get; init; } = 25;

    /// <summary>A host that takes all mail instead of the MX hosts, as <c>host</c> or <c>host:port</c> (a "smart host").</summary>
    public string? Relay { get; init; }

    /// <summary>TLS towards the relay; null for verified with a user name, and opportunistic without. On port 465 it begins with the connection, and is required.</summary>
    public TlsDemand? RelayTls { get; init; }

    /// <summary>The user name at the relay; null to send without. Goes over TLS only.</summary>
    public string? RelayUser { get; init; }

    /// <summary>The password at the relay.</summary>
    public string? RelayPassword { get; init; }

    /// <summary>Who may hear the password.</summary>
    public PasswordGoesTo RelayPasswordGoesTo { get; init; } = PasswordGoesTo.VerifiedHost;

    /// <summary>Further relays by name, for accounts and domains.</summary>
    public IReadOnlyDictionary<string, RelaySettings> Relays { get; init; } = new Dictionary<string, RelaySettings>();

    /// <summary>Account name → relay.</summary>
    public IReadOnlyDictionary<string, string> RelayByAccount { get; init; } = new Dictionary<string, string>();

    /// <summary>Recipients' domain → relay. Comes before that of the account.</summary>
    public IReadOnlyDictionary<string, string> RelayByDomain { get; init; } = new Dictionary<string, string>();

    /// <summary>Domains with a host of their own instead of their MX: domain → <c>host</c> or <c>host:port</c>.</summary>
    public IReadOnlyDictionary<string, string> Static { get; init; } = new Dictionary<string, string>();

    /// <summary>Networks that are not on the Internet and to which MX records and MTA-STS policy hosts may lead all the same, such as <c>10.0.0.0/8</c>.
    /// None by default: recipients' domains are strangers', and would have us talk to machines inside. Hosts that the operator names himself
    /// (Static, Relay, a reroute) need no entry.</summary>
    public IReadOnlyList<string> PrivateNetworks { get; init; } = [];

    /// <summary>Also connect over IPv6, after IPv4.</summary>
    public bool Ipv6 { get; init; } = true;

    /// <summary>DNS servers as <c>address</c> or <c>address:port</c>; none means those of <c>/etc/resolv.conf</c>.</summary>
    public IReadOnlyList<string> DnsServers { get; init; } = [];

    /// <summary>The DNS servers validate DNSSEC, and nobody can tamper with what they say on its way to us: in practice, a validating resolver on
    /// this machine. Only then DANE is used. RFC 7672 §1.3 and RFC 6698 §8.3.</summary>
    public bool TrustedResolver { get; init; }

    /// <summary>Obey the MTA-STS policies of recipients' domains. RFC 8461.</summary>
    public bool MtaSts { get; init; } = true;

    /// <summary>Domains for which TLS is as said here, whatever they publish themselves.</summary>
    public IReadOnlyDictionary<string, TlsDemand> Tls { get; init; } = new Dictionary<string, TlsDemand>();

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (Port is < 1 or > 65535)
        {
            yield return (nameof(Port), $"found {Port}, expected a port from 1 to 65535");
        }

        if (Relay is not null && MailHost.TryParse(Relay, 25) is null)
        {
            yield return (nameof(Relay), $"found \"{Relay}\", expected host or host:port");
        }

        if (RelayUser is null != RelayPassword is null)
        {
            yield return (nameof(RelayUser), "found one of RelayUser and RelayPassword, expected both or none");
        }

        if (RelaySettings.ProblemOfTls(RelayUser, RelayTls, RelayPasswordGoesTo, nameof(RelayUser), nameof(RelayPasswordGoesTo)) is { } ofTls)
        {
            yield return (nameof(RelayTls), ofTls);
        }

        foreach (var (name, relay) in Relays)
        {
            foreach (var (key, problem) in relay.Check())
            {
                yield return ($"{nameof(Relays)}:{name}:{key}", problem);
            }
        }

        foreach (var (path, relay) in RelayByAccount.Select(r => ($"{nameof(RelayByAccount)}:{r.Key}", r.Value))
            .Concat(RelayByDomain.Select(r => ($"{nameof(RelayByDomain)}:{r.Key}", r.Value))).Where(r => !Relays.ContainsKey(r.Value)))
        {
            yield return (path, $"found \"{relay}\", no such relay; there are: {(Relays.Count > 0 ? string.Join(", ", Relays.Keys.Order(StringComparer.Ordinal)) : "none")}");
        }

        foreach (var (domain, host) in Static)
        {
            if (MailHost.TryParse(host, 25) is null)
            {
                yield return ($"{nameof(Static)}:{domain}", $"found \"{host}\", expected host or host:port");
            }
        }

        for (var i = 0; i < PrivateNetworks.Count; i++)
        {
            if (!IPNetwork.TryParse(PrivateNetworks[i], out _))
            {
                yield return ($"{nameof(PrivateNetworks)}:{i}", $"found \"{PrivateNetworks[i]}\", expected a network and its length, with zeros behind it, such as 10.0.0.0/8 or fd00::/8");
            }
        }

        for (var i = 0; i < DnsServers.Count; i++)
        {
            if (!IPEndPoint.TryParse(DnsServers[i], out _))
            {
                yield return ($"{nameof(DnsServers)}:{i}", $"found \"{DnsServers[i]}\", expected an IP address, or address:port");
            }
        }
    }

    /// <summary>The relay for a domain and an account, with the name of its lane and the setting that says so; null for none.</summary>
    public (RelaySettings Relay, string Lane, string Because)? RelayFor(string domain, string? account)
    {
        if (RelayByDomain.TryGetValue(domain, out var name))
        {
            return (Relays[name], $"relay:{name}", $"Route:{nameof(RelayByDomain)}:{domain}");
        }

        if (account is not null && RelayByAccount.TryGetValue(account, out name))
        {
            return (Relays[name], $"relay:{name}", $"Route:{nameof(RelayByAccount)}:{account}");
        }

        return Relay is null
            ? null
            : (new RelaySettings { Host = Relay, Tls = RelayTls, User = RelayUser, Password = RelayPassword, PasswordGoesTo = RelayPasswordGoesTo },
                $"relay:{MailHost.TryParse(Relay, 25)}", $"Route:{nameof(Relay)}");
    }

    /// <summary>Where names out of strangers' DNS records may lead. The settings must have been checked.</summary>
    public AllowedAddresses AllowedAddresses() => new([.. PrivateNetworks.Select(n => IPNetwork.Parse(n))]);

    /// <summary>The servers with port 53 where none is given.</summary>
    public IReadOnlyList<IPEndPoint> DnsEndPoints() =>
        [.. DnsServers.Select(s => IPEndPoint.Parse(s)).Select(e => e.Port == 0 ? new IPEndPoint(e.Address, 53) : e)];
}
