using System.IO.Compression;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Platform.Jobs;
using EmailService.Record;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.TestKit;
using EmailService.TlsReports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Tests.TlsReports;

/// <summary>When a report goes, where, and how often. The days lie back, so that everything is due.</summary>
public sealed class TlsReportJobTests : IAsyncLifetime
{
    private static readonly TestAuthority Root = TestAuthority.CreateRoot();
    private static readonly AppliedTlsPolicy Policy = new(TlsPolicyType.NoneFound, "shop.test");
    private static readonly TlsFailure Failure = new(TlsResultType.CertificateExpired, "192.0.2.1", "mx.shop.test", "192.0.2.2", "NotTimeValid");
    private WebhookSink collector = null!;

    public async ValueTask InitializeAsync() => collector = await WebhookSink.StartAsync(Root.Issue(["collector.test"]));

    public ValueTask DisposeAsync() => collector.DisposeAsync();

    private string Place => $"https://collector.test:{new Uri(collector.Url()).Port}/v1/tls";

    [Fact]
    public async Task A_report_goes_once_to_each_place_over_HTTPS_whoever_runs_the_job_how_often()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var service = await StartAsync(Settings, database);
        service.Dns.Txt("_smtp._tls.shop.test", $"v=TLSRPTv1; rua={Place},{Place}/second");

        Assert.Equal("1 domains asked, 2 reports sent, 0 tries failed", await RunAsync(service));
        Assert.Equal("0 domains asked, 0 reports sent, 0 tries failed", await RunAsync(service));
        await using (var other = await TestService.StartAsync(database: database, dns: service.Dns, configure: Trust, settings: Settings))
        {
            Assert.Equal("0 domains asked, 0 reports sent, 0 tries failed", await RunAsync(other));
        }

        Assert.Equal(["/v1/tls", "/v1/tls/second"], collector.Requests.Select(r => r.Path).Order(StringComparer.Ordinal));
        Assert.All(collector.Requests, r => Assert.Equal("application/tlsrpt+gzip", r.Headers["Content-Type"]));
        var report = Read(collector.Requests[0].Body);
        var policy = Assert.Single(report.GetProperty("policies").EnumerateArray());
        Assert.Equal("no-policy-found", policy.GetProperty("policy").GetProperty("policy-type").GetString());
        Assert.Equal(7, policy.GetProperty("summary").GetProperty("total-successful-session-count").GetInt32());
        Assert.Equal(2, policy.GetProperty("summary").GetProperty("total-failure-session-count").GetInt32());
        Assert.Equal("certificate-expired", Assert.Single(policy.GetProperty("failure-details").EnumerateArray()).GetProperty("result-type").GetString());
    }

    [Fact]
    public async Task A_collector_that_fails_is_tried_again_under_the_same_id()
    {
        await using var service = await StartAsync(Settings);
        service.Dns.Txt("_smtp._tls.shop.test", $"v=TLSRPTv1; rua={Place}");
        collector.Answer(503);

        Assert.Equal("1 domains asked, 0 reports sent, 1 tries failed", await RunAsync(service));
        Assert.Equal("answered 503", await service.ScalarAsync<string>("SELECT result FROM tls_reports WHERE rua <> ''"));
        Assert.Equal("0 domains asked, 0 reports sent, 0 tries failed", await RunAsync(service));
        await ExecuteAsync(service, "UPDATE tls_reports SET due_at = due_at - interval '15 minutes'");
        Assert.Equal("0 domains asked, 1 reports sent, 0 tries failed", await RunAsync(service));

        Assert.Equal(2, collector.Requests.Count);
        Assert.Single(collector.Requests.Select(r => Read(r.Body).GetProperty("report-id").GetString()).Distinct());
    }

    [Fact]
    public async Task A_place_that_fails_for_a_day_is_given_up()
    {
        await using var service = await StartAsync(Settings);
        service.Dns.Txt("_smtp._tls.shop.test", $"v=TLSRPTv1; rua={Place}");
        collector.Status = 500;
        await RunAsync(service);
        await ExecuteAsync(service, "UPDATE tls_reports SET due_at = due_at - interval '1 day', first_try = first_try - interval '1 day'");

        await RunAsync(service);

        Assert.Equal("given_up", await service.ScalarAsync<string>("SELECT state FROM tls_reports WHERE rua <> ''"));
    }

    [Fact]
    public async Task A_process_that_died_while_sending_does_not_make_a_second_report()
    {
        await using var service = await StartAsync(Settings);
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.Txt("_smtp._tls.shop.test", $"v=TLSRPTv1; rua={Place},mailto:tls@shop.test");
        Assert.Equal("1 domains asked, 2 reports sent, 0 tries failed", await RunAsync(service));
        await ExecuteAsync(service, "UPDATE tls_reports SET state = 'sending' WHERE rua <> ''");

        // The mail is known by its key. Nobody knows about the request, and it is not made again.
        Assert.Equal("0 domains asked, 1 reports sent, 0 tries failed", await RunAsync(service));

        Assert.Single(collector.Requests);
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM messages WHERE 'tls-report' = ANY (categories)"));
        Assert.Equal("given_up", await service.ScalarAsync<string>("SELECT state FROM tls_reports WHERE rua LIKE 'https%'"));
    }

    [Fact]
    public async Task A_report_by_mail_goes_out_whatever_the_policy_is_and_is_not_counted_itself()
    {
        await using var service = await StartAsync(Settings);
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        mx.Certificate = ScriptedMx.CreateCertificate();
        var now = TimeProvider.System.GetUtcNow();
        await service.Get<MtaStsStore>().SaveAsync(
            new CachedMtaSts("shop.test", "1", new MtaStsPolicy(MtaStsMode.Enforce, ["mx.shop.test"], TimeSpan.FromDays(1)), now, now.AddDays(1)),
            TestContext.Current.CancellationToken);
        service.Dns.Txt("_smtp._tls.shop.test", "v=TLSRPTv1; rua=mailto:tls@shop.test");

        Assert.Equal("1 domains asked, 1 reports sent, 0 tries failed", await RunAsync(service));
        await Wait.UntilAsync(() => mx.Messages.Count == 1, "the report is there");
        await service.Get<TlsTally>().FlushAsync(TestContext.Current.CancellationToken);

        var mail = mx.Messages[0].Text;
        Assert.Contains("\r\nTLS-Required: No\r\n", mail, StringComparison.Ordinal);
        Assert.Contains("\r\nTLS-Report-Domain: shop.test\r\nTLS-Report-Submitter: sender.test\r\n", mail, StringComparison.Ordinal);
        Assert.Contains("Content-Type: multipart/report; boundary=", mail, StringComparison.Ordinal);
        Assert.Contains("\r\n report-type=\"tlsrpt\"\r\n", mail, StringComparison.Ordinal);
        Assert.Equal(2, await service.ScalarAsync<long>("SELECT count(*) FROM tls_sessions"));
    }

    [Theory]
    [InlineData("servfail", "0 domains asked, 0 reports sent, 1 tries failed")]
    [InlineData("no record", "1 domains asked, 0 reports sent, 0 tries failed")]
    [InlineData("two records", "1 domains asked, 0 reports sent, 0 tries failed")]
    [InlineData("private", "1 domains asked, 0 reports sent, 1 tries failed")]
    [InlineData("no sender", "no sender: TlsReports:From is not set")]
    [InlineData("unverified", "no reports are sent: other.test, the domain of TlsReports:From, is not a verified domain of the account default")]
    public async Task Nothing_goes_where_nothing_should(string when, string result)
    {
        await using var service = await StartAsync(when switch
        {
            "private" => ["TlsReports:From=tls-reports@sender.test"],
            "no sender" => [],
            "unverified" => ["TlsReports:From=tls-reports@other.test"],
            _ => Settings,
        });
        if (when == "servfail")
        {
            service.Dns.ServFail("_smtp._tls.shop.test");
        }

        for (var records = when switch { "no record" => 0, "two records" => 2, _ => 1 }; records > 0; records--)
        {
            service.Dns.Txt("_smtp._tls.shop.test", $"v=TLSRPTv1; rua={Place}?{records}");
        }

        Assert.Equal(result, await RunAsync(service));

        Assert.Empty(collector.Requests);
        if (when == "private")
        {
            Assert.Contains("public address", await service.ScalarAsync<string>("SELECT result FROM tls_reports WHERE rua <> ''"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Days_past_retention_are_forgotten()
    {
        await using var service = await StartAsync(["Retention:Days=5"]);
        await ExecuteAsync(service, """
            UPDATE tls_sessions SET day = day - 10 WHERE result IS NULL;
            INSERT INTO tls_reports VALUES (current_date - 10, 'shop.test', '', 'done', now())
            """);

        await RunAsync(service);

        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM tls_sessions"));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM tls_reports"));
    }

    [Fact]
    public async Task Counts_of_two_nodes_add_up()
    {
        await using var service = await StartAsync(Settings);
        var day = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddDays(-2);
        var store = service.Get<TlsTallyStore>();
        await Task.WhenAll(Enumerable.Range(1, 8).Select(n => store.AddAsync(
            [new TlsCount(day, new TlsSession("shop.test", Policy, Failure), n), new TlsCount(day, new TlsSession("shop.test", Policy, null), n)],
            TestContext.Current.CancellationToken)));

        var counts = await service.Get<TlsReportStore>().CountsAsync(day, "shop.test", TestContext.Current.CancellationToken);

        Assert.Equal([new TlsCount(day, new TlsSession("shop.test", Policy, null), 7 + 36), new TlsCount(day, new TlsSession("shop.test", Policy, Failure), 2 + 36)], counts);
    }

    private static readonly string[] Settings = ["TlsReports:From=tls-reports@sender.test", "TlsReports:AllowPrivateAddresses=true"];

    private static void Trust(Microsoft.AspNetCore.Builder.WebApplicationBuilder builder) =>
        builder.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([Root.Certificate])));

    /// <summary>A service with sessions to shop.test on the day before yesterday: 7 good, 2 bad.</summary>
    private static async Task<TestService> StartAsync(string[] settings, TestDatabase? database = null)
    {
        var service = await TestService.StartAsync(database: database, configure: Trust, settings: settings);
        service.Dns.A("collector.test", "127.0.0.1");
        var day = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddDays(-2);
        await service.Get<TlsTallyStore>().AddAsync(
            [new TlsCount(day, new TlsSession("shop.test", Policy, null), 7), new TlsCount(day, new TlsSession("shop.test", Policy, Failure), 2)],
            TestContext.Current.CancellationToken);
        return service;
    }

    private static async Task<string> RunAsync(TestService service) =>
        (await service.Get<JobRunner>().RunAsync("tls-reports", TestContext.Current.CancellationToken))!.Result;

    private static async Task ExecuteAsync(TestService service, string sql)
    {
        await using var command = service.Db.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private static JsonElement Read(byte[] gzip)
    {
        using var stream = new GZipStream(new MemoryStream(gzip), CompressionMode.Decompress);
        return JsonDocument.Parse(stream).RootElement;
    }
}
