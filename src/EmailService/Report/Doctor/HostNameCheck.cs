using System.Net;
using EmailService.Dns;
using EmailService.Platform;

namespace EmailService.Report.Doctor;

/// <summary>Do our name and our addresses name each other? Large receivers refuse mail from hosts where they do not.</summary>
internal static class HostNameCheck
{
    private const string Name = "host name";

    /// <param name="dns">The resolver.</param>
    /// <param name="hostName">What we say in EHLO.</param>
    /// <param name="isLive">Whether anybody hears it.</param>
    /// <param name="cancel">Ends the check.</param>
    public static async Task<IReadOnlyList<Finding>> RunAsync(IDnsResolver dns, string hostName, bool isLive, CancellationToken cancel)
    {
        var bad = isLive ? Level.Fail : Level.Warn;
        if (!PublicHostName.Is(hostName))
        {
            // RFC 5321 §2.3.5: only names that resolve may be used.
            return [new Finding(Name, bad, $"\"{hostName}\" is not a public host name",
                "Set EmailService:HostName to this machine's public name, such as mail.example.com.")];
        }

        var answers = await Task.WhenAll(
            dns.QueryAsync(hostName, DnsType.A, cancel).AsTask(), dns.QueryAsync(hostName, DnsType.Aaaa, cancel).AsTask());
        var addresses = answers.SelectMany(answer => answer.Records).OfType<AddressRecord>().Select(record => record.Address).Take(8).ToList();
        if (addresses.Count == 0)
        {
            return [new Finding(Name, bad, $"{hostName} has no address ({answers[0].Detail})",
                $"Publish an A record for {hostName} with the public address that mail leaves from.")];
        }

        var findings = new List<Finding> { Finding.Ok(Name, $"{hostName} is {string.Join(", ", addresses)}") };
        foreach (var address in addresses)
        {
            findings.Add(await PointerAsync(dns, hostName, address, bad, cancel));
        }

        return findings;
    }

    private static async Task<Finding> PointerAsync(IDnsResolver dns, string hostName, IPAddress address, Level bad, CancellationToken cancel)
    {
        var answer = await dns.QueryAsync(DnsResolver.ReverseName(address), DnsType.Ptr, cancel);
        var names = answer.Records.OfType<PtrRecord>().Select(record => record.Target).Take(8).ToList();
        if (names.Contains(hostName, StringComparer.OrdinalIgnoreCase))
        {
            return Finding.Ok("reverse name", $"{address} is {hostName} both ways");
        }

        return answer.Status switch
        {
            DnsStatus.Found => new Finding("reverse name", bad, $"{address} is called {string.Join(", ", names)}, expected {hostName}",
                $"Have the provider of the address set its reverse name (PTR) to {hostName}, or set EmailService:HostName to {names.FirstOrDefault()}."),
            DnsStatus.NoData or DnsStatus.NoSuchDomain => new Finding("reverse name", bad, $"{address} has no reverse name",
                $"Have the provider of the address set its reverse name (PTR) to {hostName}. Gmail and others refuse mail without one."),
            DnsStatus.ServerFailed or DnsStatus.NoAnswer => new Finding("reverse name", bad, $"{address}: {answer.Detail}", "See the check of DNS."),
        };
    }
}
