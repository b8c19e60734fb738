using EmailService.Dns;

namespace EmailService.Report.Doctor;

/// <summary>Does the resolver answer?</summary>
internal static class DnsCheck
{
    private const string Name = "dns";

    /// <param name="dns">The resolver that deliveries use.</param>
    /// <param name="domain">A domain known to exist.</param>
    /// <param name="isLive">Whether deliveries need it.</param>
    /// <param name="cancel">Ends the check.</param>
    public static async Task<IReadOnlyList<Finding>> RunAsync(IDnsResolver dns, string domain, bool isLive, CancellationToken cancel)
    {
        var answer = await dns.QueryAsync(domain, DnsType.Mx, cancel);
        return answer.Status switch
        {
            DnsStatus.Found => [Finding.Ok(Name, $"MX of {domain}: {string.Join(", ", answer.Records.OfType<MxRecord>().OrderBy(mx => mx.Preference).Select(mx => mx.Exchange.Length == 0 ? "none (null MX)" : mx.Exchange).Take(4))}")],
            DnsStatus.NoData => [Finding.Ok(Name, $"answers; {domain} has no MX")],
            DnsStatus.NoSuchDomain => [Finding.Warn(Name, $"answers; {domain} does not exist", "Give a domain that exists with --domain to be sure that the resolver sees the public DNS.")],
            DnsStatus.ServerFailed or DnsStatus.NoAnswer => [new Finding(Name, isLive ? Level.Fail : Level.Warn, $"MX of {domain}: {answer.Detail}",
                "Check the servers in /etc/resolv.conf or EmailService:Route:DnsServers, and that UDP and TCP port 53 to them is open. A resolver on this host (unbound) is best. In a closed network, nothing can be looked up.")],
        };
    }
}
