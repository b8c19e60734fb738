using System.Net;
using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Smtp;
using EmailService.TestKit;
using EmailService.Tests.Accounts;
using Microsoft.Extensions.Logging;
using RouteOptions = EmailService.Route.RouteOptions;

namespace EmailService.Tests.Route;

/// <summary>Which name servers we ask is nobody's business but the operator's: what ordinary keys read tells what went wrong without their addresses, the log tells it with them.</summary>
public sealed class Resolvers_stay_unnamed : IAsyncDisposable
{
    private readonly LoopbackDns dns = new();
    private readonly DnsResolver resolver;

    public Resolvers_stay_unnamed() =>
        resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint], FailureTtl = TimeSpan.Zero }, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
    }

    [Theory]
    [InlineData(DnsFault.ServFail, "SERVFAIL")]
    [InlineData(DnsFault.Refuse, "REFUSED")]
    [InlineData(DnsFault.TruncateAndCloseTcp, "truncated, then by TCP connection closed")]
    public async Task In_the_reply_of_a_mail_that_waits(DnsFault fault, string why)
    {
        dns.Fault("shop.test", fault).Fault("mx.shop.test", fault);
        var options = new RouteOptions { Live = true };
        var router = new Router(resolver, options, new CatchAllEndPoint(), ShapingTable.Load(null), new Random(1));

        var noMx = Assert.IsType<RoutePlan.NotNow>(await router.PlanAsync("shop.test", null, default));
        Unnamed(noMx.Reply.ToString(), why);

        var addresses = new HostAddresses(resolver, new SystemResolver(TimeProvider.System), options.AllowedAddresses(), new OwnHostNames([]), options, TimeProvider.System);
        Unnamed((await addresses.ResolveAsync(new MailHost("mx.shop.test", 25), HostsOrigin.Mx, default)).Problem!.ToString(), why);
    }

    [Fact]
    public async Task In_the_reply_of_a_mail_that_goes_to_a_name_of_the_operators()
    {
        dns.ServFail("relay.inside.test");
        var options = new RouteOptions { DnsServers = [dns.EndPoint.ToString()] };
        var unknown = new SystemResolver(TimeProvider.System, _ => throw new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.HostNotFound));
        var addresses = new HostAddresses(resolver, unknown, options.AllowedAddresses(), new OwnHostNames([]), options, TimeProvider.System);

        Unnamed((await addresses.ResolveAsync(new MailHost("relay.inside.test", 25), HostsOrigin.Relay, default)).Problem!.ToString(), "SERVFAIL");
    }

    [Fact]
    public async Task In_what_stands_in_the_way_of_DANE()
    {
        dns.Authenticated = true;
        dns.Mx("shop.test", 10, "mx.shop.test").A("mx.shop.test", "192.0.2.1").ServFail("_25._tcp.mx.shop.test");

        var answer = Assert.IsType<DaneAnswer.NotNow>(await new DaneLookup(resolver).FindAsync("shop.test", new MailHost("mx.shop.test", 25), default));
        Unnamed(answer.Why, "SERVFAIL");
    }

    [Fact]
    public async Task In_what_is_said_of_a_domains_records()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        var domains = new SendingDomains(database.DataSource, new DeliveryMode(true), TimeProvider.System);
        var domain = (await domains.AddAsync(await new AccountStore(database.DataSource).GetOrAddAsync("shop", default), "shop.example", verified: false, default))!;
        dns.ServFail($"{domain.DkimSelector}._domainkey.shop.example").Txt("bounces.shop.example", "v=spf1 include:spf.others.example -all").ServFail("spf.others.example");

        var check = (await DomainData.Verifier(domains, resolver, TimeProvider.System, "8.8.8.8").VerifyAsync(domain, default))!;

        Unnamed(check.Records.Single(record => record.Purpose == "dkim").WhatToDo, "SERVFAIL");
        Unnamed(check.Records.Single(record => record.Purpose == "spf").WhatToDo, "SERVFAIL");
        Assert.DoesNotContain("127.0.0.1", DomainVerifier.Serialize(check.Records), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_names_them_once_it_tells_all()
    {
        var log = new Lines();
        using var logged = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System, new DnsLog(log));
        dns.ServFail("shop.test").A("good.test", "192.0.2.1");

        await logged.QueryAsync("shop.test", DnsType.Mx, default);
        await logged.QueryAsync("good.test", DnsType.A, default);
        await logged.QueryAsync("none.test", DnsType.A, default);

        var line = Assert.Single(log.Written);
        Assert.StartsWith($"No answer from DNS about shop.test (Mx): {dns.EndPoint} SERVFAIL", line, StringComparison.Ordinal);
    }

    private void Unnamed(string? text, string why)
    {
        Assert.Contains(why, text, StringComparison.Ordinal);
        Assert.Contains("resolver 1", text, StringComparison.Ordinal);
        Assert.DoesNotContain(dns.EndPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), text, StringComparison.Ordinal);
        Assert.DoesNotContain(IPAddress.Loopback.ToString(), text, StringComparison.Ordinal);
    }

    private sealed class Lines : ILogger<DnsLog>
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
