using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>
/// Makes the resolvers of the DNS suite. With <c>EMAILSERVICE_TEST_DNS=DnsClient</c> or <c>=DnsClientTcp</c> the whole suite runs with the library
/// DnsClient on the network, and our cache, sharing, places, deadline and failover above it.
/// </summary>
internal static class DnsTransports
{
    public static string Chosen { get; } = Environment.GetEnvironmentVariable("EMAILSERVICE_TEST_DNS") ?? "";

    public static DnsResolver Resolver(DnsResolverOptions options, TimeProvider time, IDnsObserver? observer = null) =>
        Resolver(Chosen, options, time, observer);

    public static DnsResolver Resolver(string transport, DnsResolverOptions options, TimeProvider time, IDnsObserver? observer = null) => transport switch
    {
        "" => new DnsResolver(options, time, observer),
        "DnsClient" => new DnsResolver(options, time, observer, new DnsClientTransport(options, time, observer, tcpOnly: false)),
        "DnsClientTcp" => new DnsResolver(options, time, observer, new DnsClientTransport(options, time, observer, tcpOnly: true)),
        _ => throw new InvalidOperationException($"EMAILSERVICE_TEST_DNS is \"{transport}\"; it may be DnsClient or DnsClientTcp, or not set for our own."),
    };
}
