using System.Security.Cryptography;
using System.Text;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Shaping;
using EmailService.Smtp;

namespace EmailService.Route;

/// <summary>domain → mail hosts in order. RFC 5321 §5. Where a host is: <see cref="HostAddresses"/>.</summary>
public sealed class Router(IDnsResolver dns, RouteOptions options, CatchAllEndPoint inbox, ShapingTable shaping, Random random)
{
    /// <summary>Hosts of one domain that are looked at; a domain may publish hundreds.</summary>
    private const int MaxHosts = 16;

    private const int MaxLaneLength = 200;

    /// <summary>Completes at once while DNS is cached.</summary>
    /// <param name="account">The sender's account, by name.</param>
    public async ValueTask<RoutePlan> PlanAsync(string domain, string? account, CancellationToken cancellationToken)
    {
        if (!options.Live)
        {
            return inbox.EndPoint is { } endPoint
                ? new RoutePlan.Hosts("inbox", [new MailHost(endPoint.Address.ToString(), endPoint.Port)], shaping.Default) { Origin = HostsOrigin.Inbox }
                : new RoutePlan.NotNow(SmtpReply.Local(451, new EnhancedStatusCode(4, 3, 2), "live delivery is off and no inbox runs on this node"));
        }

        return await PlanLiveAsync(domain, account, cancellationToken);
    }

    /// <summary>The same as if live delivery were on.</summary>
    public async ValueTask<RoutePlan> PlanLiveAsync(string domain, string? account, CancellationToken cancellationToken)
    {
        if (options.Static.TryGetValue(domain, out var own))
        {
            var host = MailHost.TryParse(own, options.Port)!;
            return Shaped(shaping.For(domain, [], account), $"static:{host}", [host]) with { Origin = HostsOrigin.Static, Because = "Route:Static" };
        }

        if (options.RelayFor(domain, account) is { } relay)
        {
            return Shaped(shaping.ForRelay(account), relay.Lane, [relay.Relay.ToHost()]) with { Origin = HostsOrigin.Relay, Because = relay.Because };
        }

        return FromMx(domain, account, await dns.QueryAsync(domain, DnsType.Mx, cancellationToken));
    }

    // An account with limits of its own has lanes of its own: what it holds back or has more of is not the others'.
    private static RoutePlan.Hosts Shaped(ShapedSite shaped, string lane, IReadOnlyList<MailHost> hosts) =>
        new((shaped.Lane ?? lane) + (shaped.Account is null ? "" : $"{RoutePlan.OfAccountMark}{shaped.Account}"), hosts, shaped.Limits)
        {
            IsOfAccount = shaped.Account is not null,
        };

    /// <summary>Mail leaves for other hosts than our own inbox.</summary>
    public bool IsLive => options.Live;

    /// <summary>To a host that an operator names for a time.</summary>
    public RoutePlan.Hosts To(MailHost host) => new($"reroute:{host}", [host], shaping.Default) { Origin = HostsOrigin.Rerouted };

    private RoutePlan FromMx(string domain, string? account, DnsAnswer answer) => answer.Status switch
    {
        // RFC 7505 §3, and §4.1 for the codes (556: RFC 7504): the domain says that it takes no mail.
        // Several null MX are malformed, and say the same.
        DnsStatus.Found when answer.IsNullMx || !answer.Records.OfType<MxRecord>().Any(r => r.Exchange.Length > 0) =>
            Nowhere(556, new EnhancedStatusCode(5, 1, 10), $"{domain} accepts no mail: it has a null MX"),
        DnsStatus.Found => ToHosts(domain, account, answer.Records.OfType<MxRecord>().Where(r => r.Exchange.Length > 0).ToList()),

        // The implicit MX. RFC 5321 §5.1
        DnsStatus.NoData => ToHosts(domain, account, [new MxRecord(domain, TimeSpan.Zero, 0, domain)]),
        DnsStatus.NoSuchDomain => Nowhere(550, new EnhancedStatusCode(5, 1, 2), $"the domain {domain} does not exist"),
        DnsStatus.ServerFailed => NotNow($"the name servers of {domain} fail: {answer.Reason}"),
        DnsStatus.NoAnswer => NotNow($"no answer from DNS about {domain}: {answer.Reason}"),
    };

    private static RoutePlan.Nowhere Nowhere(int code, EnhancedStatusCode status, string text) => new(SmtpReply.Local(code, status, text));

    private static RoutePlan.NotNow NotNow(string text) => new(SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 3), text));

    private RoutePlan.Hosts ToHosts(string domain, string? account, List<MxRecord> records)
    {
        // Hosts of equal preference in random order, so that they share the load. RFC 5321 §5.1
        var order = records.ToArray();
        random.Shuffle(order);
        var hosts = order.OrderBy(r => r.Preference)
            .Select(r => r.Exchange.ToLowerInvariant()).Distinct().Take(MaxHosts)
            .Select(name => new MailHost(name, options.Port)).ToList();
        return Shaped(shaping.For(domain, records.Select(r => r.Exchange), account), LaneOf(records), hosts);
    }

    private static string LaneOf(List<MxRecord> records)
    {
        var site = "mx:" + string.Join(',', records.Select(r => r.Exchange.ToLowerInvariant()).Distinct().Order(StringComparer.Ordinal));
        return site.Length <= MaxLaneLength
            ? site
            : string.Concat(site.AsSpan(0, MaxLaneLength - 17), "#", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(site)).AsSpan(0, 8)));
    }
}
