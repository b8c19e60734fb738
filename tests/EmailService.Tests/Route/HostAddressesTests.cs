using System.Net;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Smtp;
using EmailService.TestKit;
using RouteOptions = EmailService.Route.RouteOptions;

namespace EmailService.Tests.Route;

/// <summary>host → addresses, with a real DNS server on a socket. Nothing here connects to an address.</summary>
public sealed class HostAddressesTests : IAsyncDisposable
{
    private readonly LoopbackDns dns = new();
    private readonly ManualTime time = new();
    private readonly DnsResolver resolver;

    public HostAddressesTests() => resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, time);

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
    }

    [Theory]
    [InlineData("2130706433")]
    [InlineData("127.1")]
    [InlineData("127.0.1")]
    [InlineData("127.0.0.1")]
    [InlineData("8.8.8.8")]
    [InlineData("017700000001")]
    [InlineData("0177.0.0.1")]
    [InlineData("0x7f.1")]
    [InlineData("0x7F000001")]
    [InlineData("127.0.0.0x1")]
    [InlineData("mx.0x")]
    [InlineData("mx.example.1")]
    [InlineData("[::1]")]
    [InlineData("[127.0.0.1]")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("fe80::1%lo")]
    public async Task An_address_in_disguise_is_passed_over_and_nobody_is_asked(string name)
    {
        Refused("5.4.4", await OfMxAsync(name));
        Assert.Equal(0, dns.QueryCount);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("mail.localhost")]
    [InlineData("localhost.localdomain")]
    [InlineData("mail.sender.test")]
    [InlineData("MAIL.Sender.Test")]
    [InlineData("out2.sender.test")]
    public async Task A_name_of_ours_is_a_routing_loop_also_where_its_network_is_allowed(string name)
    {
        dns.A(name, "127.0.0.1");
        Refused("5.4.6", await OfMxAsync(name, new RouteOptions { PrivateNetworks = ["127.0.0.0/8"] }));
    }

    [Fact]
    public async Task An_alias_of_a_name_of_ours_is_a_routing_loop()
    {
        dns.Cname("mx.shop.test", "mail.sender.test").A("mail.sender.test", "8.8.8.8");
        Refused("5.4.6", await OfMxAsync("mx.shop.test"));
    }

    [Theory]
    [InlineData("127.0.0.1", "5.4.6")]
    [InlineData("127.8.8.8", "5.4.6")]
    [InlineData("0.0.0.0", "5.4.6")]
    [InlineData("::1", "5.4.6")]
    [InlineData("::", "5.4.6")]
    [InlineData("::ffff:127.0.0.1", "5.4.6")]
    [InlineData("64:ff9b::127.0.0.1", "5.4.6")]
    [InlineData("10.0.0.1", "5.4.4")]
    [InlineData("100.64.0.1", "5.4.4")]
    [InlineData("169.254.169.254", "5.4.4")]
    [InlineData("172.16.0.1", "5.4.4")]
    [InlineData("192.168.1.1", "5.4.4")]
    [InlineData("224.0.0.1", "5.4.4")]
    [InlineData("255.255.255.255", "5.4.4")]
    [InlineData("fd00::1", "5.4.4")]
    [InlineData("fe80::1", "5.4.4")]
    [InlineData("2002:a00:1::1", "5.4.4")]
    public async Task A_host_whose_only_address_leads_home_or_inside_is_passed_over(string address, string status)
    {
        dns.A("mx.shop.test", address);
        Refused(status, await OfMxAsync("mx.shop.test"));
    }

    [Fact]
    public async Task Of_several_addresses_the_public_ones_are_used()
    {
        dns.A("mx.shop.test", "10.0.0.1").A("mx.shop.test", "8.8.8.8").Aaaa("mx.shop.test", "::1").Aaaa("mx.shop.test", "2001:4860:4860::8888");
        Assert.Equal(["8.8.8.8:25", "[2001:4860:4860::8888]:25"], (await OfMxAsync("mx.shop.test")).EndPoints.Select(e => e.ToString()));
    }

    [Fact]
    public async Task A_network_that_the_operator_names_is_allowed_and_no_other()
    {
        dns.A("mx.shop.test", "10.1.0.1").A("mx.shop.test", "10.2.0.1");
        var found = await OfMxAsync("mx.shop.test", new RouteOptions { PrivateNetworks = ["10.1.0.0/16"] });
        Assert.Equal(["10.1.0.1:25"], found.EndPoints.Select(e => e.ToString()));
    }

    [Fact]
    public async Task A_host_without_an_address_is_not_known_now() => Refused("4.4.4", await OfMxAsync("mx.shop.test"));

    [Fact]
    public async Task A_host_that_leads_inside_is_not_refused_for_good_while_the_other_family_is_not_known()
    {
        dns.A("mx.shop.test", "10.0.0.1");
        var failing = new HalfDeaf(resolver, DnsStatus.ServerFailed);
        var (endPoints, problem) = await Addresses(failing).ResolveAsync(new MailHost("mx.shop.test", 25), HostsOrigin.Mx, default);
        Refused("4.4.4", (endPoints, problem));
    }

    [Fact]
    public async Task An_answer_about_IPv6_that_does_not_come_does_not_hold_up_a_host_whose_IPv4_is_known()
    {
        // The two questions have one name: what holds up one on the server would hold up the other.
        dns.A("mx.shop.test", "8.8.8.8");
        var silent = new HalfDeaf(resolver, null);
        var asking = Addresses(silent).ResolveAsync(new MailHost("mx.shop.test", 25), HostsOrigin.Mx, default).AsTask();
        await Wait.UntilAsync(() =>
        {
            // Moves the clock by the grace and no more: in that time the resolver itself gives nothing up.
            time.Advance(TimeSpan.FromMilliseconds(10));
            return asking.IsCompleted;
        }, "the addresses");

        Assert.Equal(["8.8.8.8:25"], (await asking).EndPoints.Select(e => e.ToString()));
        Assert.Equal(1, silent.AskedAboutIpv6);
    }

    [Fact]
    public async Task A_host_without_IPv4_waits_for_the_answer_about_IPv6()
    {
        dns.Aaaa("mx.shop.test", "2001:4860:4860::8888").Hold("mx.shop.test");
        var asking = OfMxAsync("mx.shop.test");
        await dns.WhenQueries("mx.shop.test", 2);
        dns.Release("mx.shop.test");
        Assert.Equal(["[2001:4860:4860::8888]:25"], (await asking).EndPoints.Select(e => e.ToString()));
    }

    [Theory]
    [InlineData(HostsOrigin.Static)]
    [InlineData(HostsOrigin.Relay)]
    [InlineData(HostsOrigin.Rerouted)]
    public async Task A_name_that_the_operator_wrote_is_asked_of_the_system_and_leads_where_he_likes(HostsOrigin origin)
    {
        var (endPoints, problem) = await Addresses(resolver, new RouteOptions { Ipv6 = false })
            .ResolveAsync(new MailHost("localhost", 2525), origin, default);
        Assert.Null(problem);
        Assert.Equal(["127.0.0.1:2525"], endPoints.Select(e => e.ToString()).Distinct());
        Assert.Equal(0, dns.QueryCount);
    }

    [Fact]
    public async Task A_name_that_the_operator_wrote_and_only_his_own_DNS_servers_know_is_found_there()
    {
        dns.A("relay.inside.test", "10.0.0.1");
        var unknown = new SystemResolver(time, _ => throw new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.HostNotFound));
        var (endPoints, _) = await Addresses(resolver, new RouteOptions { DnsServers = [dns.EndPoint.ToString()] }, unknown)
            .ResolveAsync(new MailHost("relay.inside.test", 25), HostsOrigin.Relay, default);
        Assert.Equal(["10.0.0.1:25"], endPoints.Select(e => e.ToString()));

        Refused("4.4.4", await Addresses(resolver, system: unknown).ResolveAsync(new MailHost("relay.inside.test", 25), HostsOrigin.Relay, default));
    }

    private static void Refused(string status, (IReadOnlyList<IPEndPoint> EndPoints, SmtpReply? Problem) found)
    {
        Assert.Empty(found.EndPoints);
        Assert.Equal(status, found.Problem!.Enhanced.ToString());
        Assert.True(found.Problem.IsLocal);
    }

    private Task<(IReadOnlyList<IPEndPoint> EndPoints, SmtpReply? Problem)> OfMxAsync(string name, RouteOptions? options = null) =>
        Addresses(resolver, options).ResolveAsync(new MailHost(name, 25), HostsOrigin.Mx, TestContext.Current.CancellationToken).AsTask();

    private HostAddresses Addresses(IDnsResolver asked, RouteOptions? options = null, SystemResolver? system = null)
    {
        options ??= new RouteOptions();
        return new HostAddresses(
            asked, system ?? new SystemResolver(time), options.AllowedAddresses(), new OwnHostNames(["mail.sender.test", "out2.sender.test"]), options, time);
    }

    /// <summary>Hears nothing about IPv6 (null), or that it failed; the rest from a real server.</summary>
    private sealed class HalfDeaf(DnsResolver inner, DnsStatus? status) : IDnsResolver
    {
        public int AskedAboutIpv6 { get; private set; }

        public ValueTask<DnsAnswer> QueryAsync(string name, DnsType type, CancellationToken cancellationToken)
        {
            if (type != DnsType.Aaaa)
            {
                return inner.QueryAsync(name, type, cancellationToken);
            }

            AskedAboutIpv6++;
            return status is { } known
                ? ValueTask.FromResult(new DnsAnswer(known, name, type, [], false, name, DateTimeOffset.MinValue, "scripted"))
                : new ValueTask<DnsAnswer>(new TaskCompletionSource<DnsAnswer>().Task.WaitAsync(cancellationToken));
        }
    }
}
