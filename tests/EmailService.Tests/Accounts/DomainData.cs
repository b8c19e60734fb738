using System.Net;
using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Egress;
using EmailService.Platform;

namespace EmailService.Tests.Accounts;

/// <summary>Verifiers and identities of a service whose public name is mail.host.example.</summary>
internal static class DomainData
{
    public const string HostName = "mail.host.example";

    public static DomainVerifier Verifier(SendingDomains domains, IDnsResolver dns, TimeProvider time, params string[] addresses) =>
        new(domains, dns, Identity(HostName, addresses), time);

    /// <summary>One egress source for each address, called s1, s2 …; none is the system's choice of an address.</summary>
    public static SenderIdentity Identity(string hostName, params string[] addresses) => Identity(hostName, null, addresses);

    public static SenderIdentity Identity(string hostName, string? relay, string[] addresses)
    {
        var sources = addresses.Select((address, i) => (Name: $"s{i + 1}", Address: IPAddress.Parse(address)))
            .ToDictionary(s => s.Name, s => new SourceSettings { PublicAddresses = [s.Address] });
        var platform = new PlatformOptions { HostName = hostName };
        return new(platform, new EgressTable(new EgressOptions { Sources = sources }, platform), new DeliveryMode(Live: true, relay));
    }
}
