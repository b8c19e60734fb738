using System.Net;
using EmailService.Dns;

namespace EmailService.Route;

/// <summary>A name's addresses by DNS, both families at once.</summary>
internal static class AddressLookup
{
    /// <summary>How long an answer about IPv6 is waited for once IPv4 addresses are known. RFC 8305 §3 gives the slower family 50 ms. Some name
    /// servers never answer about IPv6, and the host waits for them otherwise until our resolver gives up.</summary>
    public static readonly TimeSpan Ipv6Grace = TimeSpan.FromMilliseconds(50);

    /// <summary>Completes at once while DNS is cached.</summary>
    /// <returns>The answer about IPv6 is null if it was not asked for, or not waited for.</returns>
    public static async ValueTask<(DnsAnswer V4, DnsAnswer? V6)> AskAsync(
        IDnsResolver dns, string name, bool ipv6, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!ipv6)
        {
            return (await dns.QueryAsync(name, DnsType.A, cancellationToken), null);
        }

        var asking = dns.QueryAsync(name, DnsType.Aaaa, cancellationToken).Preserve();
        var v4 = await dns.QueryAsync(name, DnsType.A, cancellationToken);
        if (asking.IsCompleted || v4.Status != DnsStatus.Found)
        {
            return (v4, await asking);
        }

        try
        {
            return (v4, await asking.AsTask().WaitAsync(Ipv6Grace, time, cancellationToken));
        }
        catch (TimeoutException)
        {
            // The query goes on, and its answer is there for the next who asks.
            return (v4, null);
        }
    }

    public static List<IPAddress> AddressesIn(DnsAnswer? answer) => answer is null ? [] : [.. answer.Records.OfType<AddressRecord>().Select(r => r.Address)];
}
