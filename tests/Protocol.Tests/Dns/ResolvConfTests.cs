using System.Net;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

public sealed class ResolvConfTests
{
    [Fact]
    public void Servers_are_read_in_order()
    {
        const string Text = """
            # made by hand
            search example.test
            nameserver 192.0.2.1
              nameserver	2001:db8::1   # the second
            nameservers 192.0.2.9
            nameserver not-an-address
            nameserver
            nameserver fe80::1%1
            options edns0 trust-ad
            """;
        Assert.Equal(["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%1]:53"], ResolvConf.Parse(Text).Select(s => s.ToString()));
    }

    /// <summary>A recipient's domain is asked for as it is, whatever the machine's own programs would try: mail to gone.test must not end up at gone.test.corp.test.</summary>
    [Theory]
    [InlineData("gone.test", DnsType.Mx)]
    [InlineData("gone", DnsType.Mx)]
    [InlineData("gone.test.", DnsType.A)]
    [InlineData("gone", DnsType.A)]
    public async Task Search_domains_are_never_tried(string name, DnsType type)
    {
        await using var server = new LoopbackDns();
        server.Mx("gone.corp.test", 10, "mx.corp.test").Mx("gone.test.corp.test", 10, "mx.corp.test").A("gone.corp.test", "192.0.2.1").A("gone.test.corp.test", "192.0.2.1");
        using var resolver = new DnsResolver(new DnsResolverOptions { Servers = ResolvedBy("search corp.test example.test\ndomain corp.test\noptions ndots:5\nnameserver 127.0.0.1\n", server) }, TimeProvider.System);

        Assert.Equal(DnsStatus.NoSuchDomain, (await resolver.QueryAsync(name, type, default)).Status);
        Assert.NotEmpty(server.Log);
        Assert.All(server.Log, query => Assert.Equal(name.TrimEnd('.'), query.Name, ignoreCase: true));
    }

    /// <summary>The servers of a file, at the port of ours: the file has no ports.</summary>
    private static IPEndPoint[] ResolvedBy(string file, LoopbackDns server) =>
        [.. ResolvConf.Parse(file).Select(found => new IPEndPoint(found.Address, server.EndPoint.Port))];

    [Fact]
    public void Without_servers_it_is_the_local_host() =>
        Assert.Equal([new IPEndPoint(IPAddress.Loopback, 53)], ResolvConf.Parse("; nothing\n"));

    [Fact]
    public void No_more_than_eight_servers_are_taken() =>
        Assert.Equal(8, ResolvConf.Parse(string.Concat(Enumerable.Range(1, 50).Select(i => $"nameserver 192.0.2.{i}\n"))).Count);

    [Fact]
    public void A_changed_file_is_seen_and_a_missing_one_changes_nothing()
    {
        var path = Path.GetTempFileName();
        try
        {
            var time = new ManualTime();
            var list = new DnsServerList(new DnsResolverOptions { ResolvConfPath = path }, time);
            Assert.Equal("127.0.0.1:53", Assert.Single(list.InOrder()).EndPoint.ToString());
            File.WriteAllText(path, "nameserver 192.0.2.1\n");
            time.Advance(TimeSpan.FromSeconds(11));
            Assert.Equal("192.0.2.1:53", Assert.Single(list.InOrder()).EndPoint.ToString());
            File.Delete(path);
            time.Advance(TimeSpan.FromSeconds(11));
            Assert.Equal("192.0.2.1:53", Assert.Single(list.InOrder()).EndPoint.ToString());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
