using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Report.Cli;
using EmailService.Report.Doctor;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.TestKit;
using RouteOptions = EmailService.Route.RouteOptions;

namespace EmailService.Tests.Report;

public sealed class Doctor_changes_nothing
{
    [Theory]
    [InlineData(DnsFault.None)]
    [InlineData(DnsFault.ServFail)]
    public async Task A_domain_whose_record_is_gone_is_reported_and_keeps_its_right_to_send(DnsFault fault)
    {
        await using var service = await TestService.StartAsync();
        service.Dns.Fault("es1._domainkey.sender.test", fault);
        await using (var pending = service.Db.CreateCommand("INSERT INTO domains (account_id, name, dkim_selector, dkim_private_key, return_path) SELECT 1, 'new.test', 'n1', dkim_private_key, 'bounces.new.test' FROM domains LIMIT 1"))
        {
            await pending.ExecuteNonQueryAsync();
        }

        var domains = service.Get<SendingDomains>();
        service.Dns.Txt("n1._domainkey.new.test", (await domains.GetAsync(1, "new.test", default))!.DkimRecord);
        var before = await ContentsAsync(service);

        var findings = await RunAsync(service, isLive: true);

        Assert.Equal(before, await ContentsAsync(service));
        Assert.Contains(findings, f => f is { Check: "domain sender.test", Level: not Level.Ok } && f.Found.StartsWith("dkim:", StringComparison.Ordinal));
        Assert.Equal(fault == DnsFault.None, findings.Any(f => f is { Check: "domain sender.test", Level: Level.Fail }));
        Assert.Contains(findings, f => f.Check == "domain new.test" && f.Advice == "Run: emailservice domains verify new.test");
        Assert.True((await domains.FindAsync(1, "sender.test", default))!.Verified);
    }

    [Fact]
    public async Task A_database_of_an_older_version_is_reported_and_not_brought_up_to_date()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(_ => Task.CompletedTask);

        var findings = await DatabaseCheck.RunAsync(_ => Task.CompletedTask, database.DataSource, new PlatformOptions(), TimeProvider.System, CancellationToken.None);

        Assert.Contains(findings, f => f is { Check: "schema", Level: Level.Warn } && f.Found.Contains("0001_platform", StringComparison.Ordinal));
        await using var command = database.DataSource.CreateCommand("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        Assert.Equal(0L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task The_whole_examination_leaves_every_table_of_accounts_as_it_was()
    {
        await using var service = await TestService.StartAsync();
        var before = await ContentsAsync(service);

        var findings = await DoctorCommand.ExamineAsync(service.App.Services, null, default);

        Assert.Equal(before, await ContentsAsync(service));
        Assert.Contains(findings, f => f.Check == "host name");
    }

    [Fact]
    public async Task Asking_for_verification_over_HTTP_gives_the_right_to_send_and_never_takes_it()
    {
        await using var service = await TestService.StartAsync();
        using var client = await service.NewClientAsync();

        using var answer = await client.PostAsync("/v1/domains/sender.test/verify", null);

        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal(("verified", false), (json.RootElement.GetProperty("state").GetString(), json.RootElement.GetProperty("records")[0].GetProperty("ok").GetBoolean()));
        using var accepted = await client.SendAsync("""{"from":"shop@sender.test","to":"you@shop.test","subject":"Hi","text":"Hi"}""");
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
    }

    private static async Task<string> ContentsAsync(TestService service) => await service.ScalarAsync<string>("""
        SELECT concat((SELECT string_agg(t::text, E'\n' ORDER BY id) FROM domains AS t), (SELECT string_agg(t::text, E'\n' ORDER BY id) FROM accounts AS t),
                      (SELECT string_agg(t::text, E'\n' ORDER BY id) FROM api_keys AS t), (SELECT count(*) FROM events), (SELECT string_agg(t::text, E'\n') FROM schema_migrations AS t))
        """);

    private static async Task<IReadOnlyList<Finding>> RunAsync(TestService service, bool isLive) =>
        await Examination.RunAsync(await DomainChecks.AllAsync(service.App.Services, isLive, default), TimeProvider.System, default);
}

/// <summary>What an operator wrote about the way of mail is the way that is tried.</summary>
public sealed class Doctor_tries_the_way_that_mail_takes : IAsyncDisposable
{
    private readonly LoopbackDns dns = new();
    private readonly DnsResolver resolver;

    public Doctor_tries_the_way_that_mail_takes() =>
        resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint], Rounds = 1, FailureTtl = TimeSpan.Zero }, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
    }

    [Fact]
    public async Task A_domain_with_a_host_of_its_own_or_a_relay_is_tried_there_and_not_at_its_MX()
    {
        await using var mx = ScriptedMx.Start();
        await using var own = ScriptedMx.Start();
        await using var relay = ScriptedMx.Start();
        dns.Mx("shop.test", 10, "mx.shop.test").A("mx.shop.test", "127.0.0.1").Mx("bank.test", 10, "mx.shop.test").Mx("other.test", 10, "mx.shop.test");
        var route = new RouteOptions
        {
            Live = true, Port = mx.EndPoint.Port,
            Static = new Dictionary<string, string> { ["shop.test"] = $"localhost:{own.EndPoint.Port}" },
            Relays = new Dictionary<string, RelaySettings> { ["smart"] = new() { Host = relay.EndPoint.ToString() } },
            RelayByDomain = new Dictionary<string, string> { ["bank.test"] = "smart" },
        };

        var forShop = Assert.Single(await DoctorCommand.WayOutAsync(resolver, new SystemResolver(TimeProvider.System), route, "shop.test", default));
        var forBank = Assert.Single(await DoctorCommand.WayOutAsync(resolver, new SystemResolver(TimeProvider.System), route, "bank.test", default));
        Assert.Equal((0, 1, 1), (mx.ConnectionCount, own.ConnectionCount, relay.ConnectionCount));
        await DoctorCommand.WayOutAsync(resolver, new SystemResolver(TimeProvider.System), route, "other.test", default);

        Assert.Equal((1, 1, 1), (mx.ConnectionCount, own.ConnectionCount, relay.ConnectionCount));
        Assert.Equal((Level.Ok, Level.Ok), (forShop.Level, forBank.Level));

        // The name that the operator wrote is in no DNS: the system knows it.
        Assert.Contains("Route:Static:shop.test", forShop.Found, StringComparison.Ordinal);
        Assert.Contains("Route:RelayByDomain:bank.test", forBank.Found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_domain_every_host_that_an_operator_named_is_tried()
    {
        await using var relay = ScriptedMx.Start();
        var closed = FreePort.Take();
        var route = new RouteOptions
        {
            Live = true, Relay = relay.EndPoint.ToString(),
            Static = new Dictionary<string, string> { ["shop.test"] = $"127.0.0.1:{closed}", ["lost.test"] = "no-such-host.invalid:25" },
        };

        var findings = await DoctorCommand.WayOutAsync(resolver, new SystemResolver(TimeProvider.System), route, null, default);

        Assert.Equal([Level.Ok, Level.Fail, Level.Fail], findings.Select(f => f.Level));
        Assert.Contains("Route:Static:shop.test", findings[1].Advice, StringComparison.Ordinal);
        Assert.Contains("no-such-host.invalid:25 of Route:Static:lost.test has no address", findings[2].Found, StringComparison.Ordinal);
        Assert.Equal(1, relay.ConnectionCount);
        Assert.Equal("not tried", Assert.Single(await DoctorCommand.WayOutAsync(resolver, new SystemResolver(TimeProvider.System), new RouteOptions(), null, default)).Found);
    }

    [Fact]
    public async Task A_host_that_begins_with_TLS_is_greeted_under_TLS()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync();
            await using var tls = new SslStream(client.GetStream());
            await tls.AuthenticateAsServerAsync(ScriptedMx.CreateCertificate("relay.test"));
            await tls.WriteAsync("220 relay ready\r\n"u8.ToArray());
            await tls.FlushAsync();
        });

        var finding = await PortCheck.NamedAsync(new SystemResolver(TimeProvider.System), "Route:Relay", new MailHost("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port), isTls: true, isLive: true, default);
        await serving;

        Assert.Equal((Level.Ok, true), (finding.Level, finding.Found.Contains("220 relay ready", StringComparison.Ordinal)));
    }
}
