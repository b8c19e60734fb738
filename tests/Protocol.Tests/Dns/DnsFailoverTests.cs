using System.Net;
using System.Net.Sockets;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

public sealed class DnsFailoverTests : DnsFixture
{
    private const string LongName = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn.test";

    public DnsFailoverTests()
    {
        Server.A("host.test", "127.0.0.1");
        Second.A("host.test", "127.0.0.2");
    }

    [Theory]
    [InlineData(DnsFault.ServFail)]
    [InlineData(DnsFault.Refuse)]
    [InlineData(DnsFault.Referral)]
    [InlineData(DnsFault.LameNxDomain)]
    [InlineData(DnsFault.NxDomainWithRecords)]
    [InlineData(DnsFault.TruncateAndCloseTcp)]
    [InlineData(DnsFault.TruncateAlsoByTcp)]
    [InlineData(DnsFault.NxDomainToCapitalsOnly)]
    public async Task The_next_server_is_asked_when_one_cannot_say(DnsFault fault)
    {
        // Forty letters: one in 10^12 that all of them are sent small.
        Server.A(LongName, "127.0.0.1").Fault(LongName, fault);
        Second.A(LongName, "127.0.0.2");
        Assert.Equal("127.0.0.2", AddressOf(await Ask(Both(), LongName)));
        Assert.Single(Counts.Failures);
    }

    [Fact]
    public async Task The_next_server_is_asked_when_one_is_silent_and_then_asked_first()
    {
        Server.Drop("host.test");
        var resolver = Both();
        var answer = Ask(resolver, "host.test");
        await Server.WhenQueries(1);
        Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("127.0.0.2", AddressOf(await answer));
        Assert.Contains("no answer in 2000 ms; 127.0.0.1:", (await answer).Detail, StringComparison.Ordinal);

        resolver.Clear();
        Assert.Equal("127.0.0.2", AddressOf(await Ask(resolver, "host.test")));
        Assert.Equal(1, Server.QueryCount);

        // Half a minute later it is trusted again.
        Server.Repair("host.test");
        resolver.Clear();
        Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("127.0.0.1", AddressOf(await Ask(resolver, "host.test")));
    }

    [Fact]
    public async Task The_next_server_is_asked_at_once_when_nobody_listens()
    {
        // Bound for TCP and not listening: no other test's server can take this port meanwhile.
        using var held = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        held.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var closed = (IPEndPoint)held.LocalEndPoint!;
        Assert.Equal("127.0.0.2", AddressOf(await Ask(Resolver(null, closed, Second.EndPoint), "host.test")));
        Assert.Contains("ConnectionRefused", Assert.Single(Counts.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_query_is_asked_again()
    {
        Server.Fault("host.test", DnsFault.Drop, times: 1);
        var answer = Ask(Resolver(), "host.test");
        await Server.WhenQueries(1);
        Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("127.0.0.1", AddressOf(await answer));
    }

    [Fact]
    public async Task A_server_that_says_failed_is_asked_once_more_without_EDNS()
    {
        Server.ServFail("host.test");
        Assert.Equal(DnsStatus.ServerFailed, (await Ask(Resolver(), "host.test")).Status);
        Assert.Equal([1232, null], Server.Log.Select(q => q.Query.EdnsPayloadSize));
    }

    [Fact]
    public async Task A_server_that_refuses_us_is_asked_once()
    {
        Server.Fault("host.test", DnsFault.Refuse);
        Assert.Equal(DnsStatus.ServerFailed, (await Ask(Resolver(), "host.test")).Status);
        Assert.Equal(1, Server.QueryCount);
    }

    [Theory]
    [InlineData(DnsFault.None, DnsFault.None, "^resolver 1 said 1 A for host.test by UDP in 0 ms$")]
    [InlineData(DnsFault.ServFail, DnsFault.None, "^resolver 1 SERVFAIL; resolver 2 said 1 A for host.test by UDP in 0 ms$")]
    [InlineData(DnsFault.Refuse, DnsFault.ServFail, "^resolver 1 REFUSED; resolver 2 SERVFAIL; resolver 2 SERVFAIL$")]
    [InlineData(DnsFault.TruncateAndCloseTcp, DnsFault.LameNxDomain, "^resolver 1 truncated, then by TCP connection closed; resolver 2 ")]
    [InlineData(DnsFault.TruncateAlsoByTcp, DnsFault.Garbage, "^resolver 1 truncated")]
    public async Task The_reason_numbers_the_servers_and_the_detail_names_them(DnsFault first, DnsFault second, string expected)
    {
        Server.Fault("host.test", first);
        Second.Fault("host.test", second);

        var answer = await Ask(Both(), "host.test");

        Assert.Matches(expected, answer.Reason);
        Assert.DoesNotContain("127.0.0.1", answer.Reason, StringComparison.Ordinal);
        Assert.Equal(answer.Detail, answer.Reason.Replace("resolver 1", Server.EndPoint.ToString(), StringComparison.Ordinal).Replace("resolver 2", Second.EndPoint.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Failed_by_one_and_silence_of_the_other_is_failed()
    {
        Server.ServFail("host.test");
        Second.Drop("host.test");
        var answer = Ask(Both(new DnsResolverOptions { Rounds = 1 }), "host.test");
        await Second.WhenQueries(1);
        Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(DnsStatus.ServerFailed, (await answer).Status);
    }

    [Fact]
    public async Task No_such_domain_is_believed_and_nobody_else_is_asked()
    {
        Second.A("gone.test", "127.0.0.2");
        Assert.Equal(DnsStatus.NoSuchDomain, (await Ask(Both(), "gone.test")).Status);
        Assert.Equal(0, Second.QueryCount);
    }

    [Fact]
    public async Task A_truncated_answer_is_asked_for_by_TCP()
    {
        Server.Txt("big.test", new string('x', 20_000));
        var answer = await Ask(Resolver(), "big.test", DnsType.Txt);
        Assert.Equal(20_000, Assert.IsType<TxtRecord>(answer.Records[0]).Text.Length);
        Assert.Equal([false, true], Server.Log.Select(q => q.OverTcp));
        Assert.Contains("by TCP", answer.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_by_TCP_may_come_octet_by_octet()
    {
        Server.TrickleTcp = true;
        Server.Txt("big.test", new string('x', 2_000));
        Assert.Equal(DnsStatus.Found, (await Ask(Resolver(), "big.test", DnsType.Txt)).Status);
    }

    [Fact]
    public async Task A_truncated_no_is_asked_for_by_TCP()
    {
        Server.Fault("host.test", DnsFault.Truncate);
        Assert.Equal("127.0.0.1", AddressOf(await Ask(Resolver(), "host.test")));
    }

    [Fact]
    public async Task A_server_from_before_EDNS_is_asked_without()
    {
        Server.Fault("host.test", DnsFault.NoEdns);
        Assert.Equal("127.0.0.1", AddressOf(await Ask(Resolver(), "host.test")));
        Assert.Equal([1232, null], Server.Log.Select(q => q.Query.EdnsPayloadSize));
    }

    private DnsResolver Both(DnsResolverOptions? options = null) => Resolver(options, Server.EndPoint, Second.EndPoint);
}
