using System.Net;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Smtp;

namespace EmailService.Route;

/// <summary>host → addresses. A name that an operator wrote is looked up as the system does it and leads wherever he likes. A name out of an MX
/// record is a stranger's: it is asked of DNS alone, and what leads to us or into our network is passed over.</summary>
public sealed class HostAddresses(
    IDnsResolver dns, SystemResolver system, AllowedAddresses allowed, OwnHostNames ours, RouteOptions options, TimeProvider time)
{
    // RFC 3463 §3.5: X.4.6, routing loop detected; X.4.4, unable to route. RFC 5321 §4.2.3 for 554.
    private static readonly EnhancedStatusCode Loop = new(5, 4, 6);
    private static readonly EnhancedStatusCode NoRoute = new(5, 4, 4);

    private readonly Predicate<IPAddress> isAllowed = allowed.Allows;

    /// <summary>The addresses of one host, IPv4 and IPv6 by turns; empty with the reason when there are none. Completes at once while the answer is cached.</summary>
    /// <returns>A permanent problem means that the host is passed over, and a temporary one that it is not known now.</returns>
    public ValueTask<(IReadOnlyList<IPEndPoint> EndPoints, SmtpReply? Problem)> ResolveAsync(
        MailHost host, HostsOrigin origin, CancellationToken cancellationToken) => origin switch
        {
            HostsOrigin.Mx => OfMxAsync(host, cancellationToken),
            HostsOrigin.Static or HostsOrigin.Relay or HostsOrigin.Rerouted or HostsOrigin.Inbox => OfOperatorAsync(host, cancellationToken),
        };

    private async ValueTask<(IReadOnlyList<IPEndPoint>, SmtpReply?)> OfOperatorAsync(MailHost host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host.Name, out var literal))
        {
            return ([new IPEndPoint(literal, host.Port)], null);
        }

        var answer = await system.ResolveAsync(host.Name, cancellationToken);
        var addresses = answer.Addresses;
        var problem = answer.Problem;
        if (addresses.Count == 0 && options.DnsServers.Count > 0)
        {
            // Servers that are set for us alone may know what the system does not.
            var (v4, v6) = await AddressLookup.AskAsync(dns, host.Name, options.Ipv6, time, cancellationToken);
            addresses = [.. AddressLookup.AddressesIn(v4), .. AddressLookup.AddressesIn(v6)];
            problem = $"{problem}; Route:DnsServers: {v4.Reason}";
        }

        var byTurns = ByTurns(addresses);
        return byTurns.Count > 0
            ? (EndPoints(byTurns, host), null)
            : ([], NotNow($"this machine finds no address of the host {host.Name}, which an operator named: {problem}"));
    }

    private async ValueTask<(IReadOnlyList<IPEndPoint>, SmtpReply?)> OfMxAsync(MailHost host, CancellationToken cancellationToken)
    {
        // 1. What the name alone says. It is never read as an address: 127.1 would be one.
        if (MxName.IsAddress(host.Name))
        {
            return ([], PassedOver(550, NoRoute, $"the MX record names {host.Name}, which is an address; it must name a host"));
        }

        if (MxName.IsLocalhost(host.Name) || ours.Contains(host.Name))
        {
            return ([], PassedOver(554, Loop, $"the mail host {host.Name} is this service itself: the mail would come back to us"));
        }

        // 2. Where it leads.
        var (v4, v6) = await AddressLookup.AskAsync(dns, host.Name, options.Ipv6, time, cancellationToken);
        if (ours.Contains(v4.CanonicalName))
        {
            return ([], PassedOver(554, Loop, $"the mail host {host.Name} is an alias of {v4.CanonicalName}, this service itself: the mail would come back to us"));
        }

        var found = Found(v4, v6);
        var open = Open(found);
        if (open.Count > 0)
        {
            return (EndPoints(open, host), null);
        }

        // 3. Nowhere that we may go. Before that is said for good the other family must have been heard.
        if (found.Count > 0 && v6 is null && options.Ipv6)
        {
            v6 = await dns.QueryAsync(host.Name, DnsType.Aaaa, cancellationToken);
            found = Found(v4, v6);
            open = Open(found);
        }

        // Never permanent without an address: a mail host that has none is somebody's slip, and slips are mended.
        return open.Count > 0 ? (EndPoints(open, host), null)
            : found.Count == 0 ? ([], NotNow($"the mail host {host.Name} has no address: {v4.Reason}"))
            : IsFailure(v4) || IsFailure(v6) ? ([], NotNow($"the mail host {host.Name} has no public address, and DNS does not say whether it has others: {(IsFailure(v4) ? v4 : v6!).Reason}"))
            : ([], LeadsInside(host, found[0]));
    }

    private static SmtpReply LeadsInside(MailHost host, IPAddress address) => AddressReaches.Of(address) switch
    {
        AddressReach.Loopback or AddressReach.Unspecified =>
            PassedOver(554, Loop, $"the mail host {host.Name} is at {address}, which is this machine itself: the mail would come back to us"),
        AddressReach.LinkLocal or AddressReach.Private or AddressReach.Multicast or AddressReach.Reserved or AddressReach.Public =>
            PassedOver(550, NoRoute, $"the mail host {host.Name} is at {address}, a {AddressReaches.Of(address).ToWord()} address, not on the Internet; "
                + "an operator who delivers there names its network in Route:PrivateNetworks"),
    };

    // As a rule all of them: this is asked at each attempt, and costs no memory then.
    private List<IPAddress> Open(List<IPAddress> found) => found.TrueForAll(isAllowed) ? found : found.FindAll(isAllowed);

    private static bool IsFailure(DnsAnswer? answer) => answer?.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer;

    private static List<IPAddress> Found(DnsAnswer v4, DnsAnswer? v6) => ByTurns(AddressLookup.AddressesIn(v4), AddressLookup.AddressesIn(v6));

    private static IReadOnlyList<IPEndPoint> EndPoints(List<IPAddress> addresses, MailHost host) => [.. addresses.Select(a => new IPEndPoint(a, host.Port))];

    private static SmtpReply PassedOver(int code, EnhancedStatusCode status, string text) => SmtpReply.Local(code, status, text);

    private static SmtpReply NotNow(string text) => SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 4), text);

    private List<IPAddress> ByTurns(IReadOnlyList<IPAddress> addresses) => ByTurns(
        [.. addresses.Where(a => a.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork)],
        [.. addresses.Where(a => options.Ipv6 && a.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6)]);

    // An attempt tries few addresses: a family that leads nowhere must not use them all up before the other has its turn. RFC 8305 §4
    private static List<IPAddress> ByTurns(List<IPAddress> first, List<IPAddress> second)
    {
        var all = new List<IPAddress>(first.Count + second.Count);
        for (var i = 0; i < Math.Max(first.Count, second.Count); i++)
        {
            all.AddRange(first.Skip(i).Take(1));
            all.AddRange(second.Skip(i).Take(1));
        }

        return all;
    }
}
