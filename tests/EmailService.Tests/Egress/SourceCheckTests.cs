using System.Net;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.Egress;
using EmailService.TestKit;

namespace EmailService.Tests.Egress;

public sealed class SourceCheckTests : IAsyncDisposable
{
    private readonly LoopbackDns dns = new();
    private readonly DnsResolver resolver;

    public SourceCheckTests() => resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
    }

    [Fact]
    public async Task Nothing_is_looked_up_when_no_address_is_known()
    {
        Assert.Equal("no addresses configured", await Check().ExecuteAsync(CancellationToken.None));
        Assert.Equal(0, dns.QueryCount);
    }

    [Fact]
    public async Task Address_whose_name_leads_back_and_that_is_on_no_list_is_good()
    {
        dns.Ptr("192.0.2.7", "mail.host.test").A("mail.host.test", "192.0.2.7").Ptr("2001:db8::7", "mail.host.test").Aaaa("mail.host.test", "2001:db8::7");

        Assert.Equal("2 addresses, 0 problems, 0 without an answer", await Check("192.0.2.7", "2001:db8::7").ExecuteAsync(CancellationToken.None));

        // A "no such name" to capitals is asked for once more in small letters.
        Assert.InRange(dns.CountOf("7.2.0.192.list.test"), 1, 2);
        Assert.InRange(dns.CountOf("7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.test"), 1, 2);
    }

    [Fact]
    public async Task Listings_and_names_that_lead_elsewhere_are_bad_news()
    {
        dns.Ptr("192.0.2.7", "other.host.test").A("other.host.test", "192.0.2.8").A("7.2.0.192.list.test", "127.0.0.2");

        var bad = await Assert.ThrowsAsync<JobFailedException>(() => Check("192.0.2.7").ExecuteAsync(CancellationToken.None));

        Assert.Equal(
            "192.0.2.7 is called other.host.test, and we greet as mail.host.test; no name of 192.0.2.7 (other.host.test) leads back to it; "
            + "192.0.2.7 is on list.test (127.0.0.2); 1 addresses, 3 problems, 0 without an answer",
            bad.Message);
    }

    [Fact]
    public async Task List_that_refuses_to_answer_lists_nobody()
    {
        dns.Ptr("192.0.2.7", "mail.host.test").A("mail.host.test", "192.0.2.7").A("7.2.0.192.list.test", "127.255.255.254");

        Assert.StartsWith("1 addresses, 0 problems, 1 without an answer", await Check("192.0.2.7").ExecuteAsync(CancellationToken.None), StringComparison.Ordinal);
    }

    private SourceCheck Check(params string[] addresses)
    {
        var options = new EgressOptions
        {
            BlockLists = ["list.test"],
            Sources = new Dictionary<string, SourceSettings>
            {
                ["inner"] = new() { Address = IPAddress.Loopback },
                ["outer"] = new() { Address = IPAddress.Loopback, PublicAddresses = [.. addresses.Select(IPAddress.Parse)] },
            },
        };
        return new SourceCheck(new EgressTable(options, new PlatformOptions { HostName = "mail.host.test" }), options, resolver);
    }
}
