using System.Text.Json;
using EmailService.Accept;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Tests.Deliver;

/// <summary>The TLS policy decides what a lane does, and the verdict stays on the attempt.</summary>
public sealed class TlsOnTheWayTests
{
    private static readonly TestAuthority Root = TestAuthority.CreateRoot();

    [Theory]
    [InlineData("nothing", "delivered", "opportunistic", "certificate-not-trusted", "no-policy-found ok")]
    [InlineData("tlsa", "delivered", "dane", null, "tlsa ok")]
    [InlineData("wrong tlsa", "deferred", "dane", "validation-failure", "tlsa validation-failure")]
    [InlineData("pkix tlsa", "delivered", "dane", "tlsa-invalid", "tlsa tlsa-invalid")]
    [InlineData("tlsa servfail", "deferred", "dane", null, "tlsa dnssec-invalid")]
    [InlineData("enforce", "deferred", "mta-sts", "certificate-not-trusted", "sts certificate-not-trusted")]
    [InlineData("enforce, good certificate", "delivered", "mta-sts", null, "sts ok")]
    [InlineData("enforce, old certificate", "deferred", "mta-sts", "certificate-expired", "sts certificate-expired")]
    [InlineData("enforce, other certificate", "deferred", "mta-sts", "certificate-host-mismatch", "sts certificate-host-mismatch")]
    [InlineData("enforce, without TLS", "deferred", "mta-sts", "starttls-not-supported", "sts starttls-not-supported")]
    [InlineData("enforce, broken TLS", "deferred", "mta-sts", "validation-failure", "sts validation-failure")]
    [InlineData("enforce, not listed", "deferred", "mta-sts", null, "sts validation-failure")]
    [InlineData("enforce, TLS-Required: No", "delivered", "opportunistic", "certificate-not-trusted", null)]
    [InlineData("testing", "delivered", "mta-sts-testing", "certificate-not-trusted", "sts certificate-not-trusted")]
    [InlineData("testing, good certificate", "delivered", "mta-sts-testing", null, "sts ok")]
    [InlineData("testing, good certificate, not listed", "delivered", "mta-sts-testing", null, "sts validation-failure")]
    [InlineData("testing, without TLS", "delivered", "mta-sts-testing", null, "sts starttls-not-supported")]
    [InlineData("no policy host", "delivered", "opportunistic", "certificate-not-trusted", "sts sts-policy-fetch-error")]
    [InlineData("broken TLS", "delivered", "opportunistic", null, "no-policy-found validation-failure")]
    [InlineData("without TLS", "delivered", "opportunistic", null, "no-policy-found starttls-not-supported")]
    public async Task A_policy_decides_and_the_session_is_counted(string words, string outcome, string policy, string? fault, string? counted)
    {
        var has = words.Split(", ").ToHashSet();
        await using var service = await TestService.StartAsync(
            configure: b => b.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([Root.Certificate]))),
            settings: "Route:TrustedResolver=true");
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.Authenticated = true;
        mx.Certificate = has.Contains("without TLS") || has.Contains("broken TLS") ? null
            : has.Contains("good certificate") ? Root.Issue(["mx.shop.test"])
            : has.Contains("old certificate") ? Root.Issue(["mx.shop.test"], notAfter: TimeProvider.System.GetUtcNow().AddDays(-1))
            : has.Contains("other certificate") ? Root.Issue(["mx.other.test"])
            : ScriptedMx.CreateCertificate("mx.shop.test");
        mx.BreaksTls = has.Contains("broken TLS");
        if (has.Contains("tlsa") || has.Contains("wrong tlsa"))
        {
            var hash = TestAuthority.Association(has.Contains("tlsa") ? mx.Certificate! : Root.Certificate, 1, 1);
            service.Dns.Tlsa($"_{service.MxPort}._tcp.mx.shop.test", 3, 1, 1, hash);
        }

        if (has.Contains("pkix tlsa"))
        {
            service.Dns.Tlsa($"_{service.MxPort}._tcp.mx.shop.test", 1, 1, 1, TestAuthority.Association(Root.Certificate, 1, 1));
        }

        if (has.Contains("tlsa servfail"))
        {
            service.Dns.ServFail($"_{service.MxPort}._tcp.mx.shop.test");
        }

        if (has.Contains("no policy host"))
        {
            service.Dns.Txt("_mta-sts.shop.test", "v=STSv1; id=1");
        }

        if (has.Contains("enforce") || has.Contains("testing"))
        {
            var now = TimeProvider.System.GetUtcNow();
            var sts = new MtaStsPolicy(has.Contains("enforce") ? MtaStsMode.Enforce : MtaStsMode.Testing, [has.Contains("not listed") ? "other.test" : "mx.shop.test"], TimeSpan.FromDays(1));
            await service.Get<MtaStsStore>().SaveAsync(new CachedMtaSts("shop.test", "1", sts, now, now.AddDays(1)), TestContext.Current.CancellationToken);
        }

        var request = TestService.Request("anna@shop.test");
        if (has.Contains("TLS-Required: No"))
        {
            request = request with { Content = request.Content with { Headers = new Dictionary<string, string> { ["TLS-Required"] = "No" } } };
        }

        var id = ((AcceptResult.Accepted)await service.Get<AcceptWorker>().AcceptAsync(1, request, null, TestContext.Current.CancellationToken)).RequestId;
        await service.WaitForEventAsync(id, outcome);

        using var verdict = JsonDocument.Parse(await service.ScalarAsync<string>("SELECT tls_verdict::text FROM attempts"));
        var says = verdict.RootElement;
        Assert.Equal((policy, outcome == "delivered"), (says.GetProperty("policy").GetString(), says.GetProperty("passed").GetBoolean()));
        Assert.Equal(fault, says.TryGetProperty("fault", out var found) ? found.GetString() : null);
        if (outcome == "delivered")
        {
            Assert.Equal(mx.Messages[0].IsEncrypted, says.GetProperty("encrypted").GetBoolean());
            Assert.Equal(has.Overlaps(["without TLS", "broken TLS"]), says.TryGetProperty("problem", out _) && !mx.Messages[0].IsEncrypted);
        }
        else
        {
            Assert.Empty(mx.Messages);
            Assert.Matches("^45[14] 4\\.7\\.[45] ", await service.ScalarAsync<string>("SELECT reply FROM attempts"));
            Assert.True(await service.ScalarAsync<bool>("SELECT reply_is_ours FROM attempts"));
        }

        // What is counted of it for the domain's report. A flush with nothing new changes nothing.
        await service.Get<TlsTally>().FlushAsync(TestContext.Current.CancellationToken);
        await service.Get<TlsTally>().FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(counted, await service.ScalarAsync<object>(
            "SELECT string_agg(policy_type || ' ' || coalesce(result, 'ok'), ', ') FROM tls_sessions WHERE domain = 'shop.test' AND sessions = 1") as string);
        if (counted is not null)
        {
            Assert.True(await service.ScalarAsync<bool>(
                "SELECT (result IS NULL) = (mail_host IS NULL) AND (result IS NULL OR mail_host = 'mx.shop.test') FROM tls_sessions"));
        }
    }

    [Fact]
    public async Task A_kept_session_is_counted_once_for_each_domain_that_it_serves()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1"]);
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.Mx("other.test", 10, "mx.shop.test");
        mx.Certificate = ScriptedMx.CreateCertificate();
        foreach (var domain in (string[])["shop.test", "shop.test", "other.test", "shop.test"])
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"anna@{domain}"), "delivered");
        }

        await service.Get<TlsTally>().FlushAsync(TestContext.Current.CancellationToken);

        Assert.Single(mx.Messages.Select(m => m.Connection).Distinct());
        Assert.Equal("other.test 1, shop.test 1", await service.ScalarAsync<string>(
            "SELECT string_agg(domain || ' ' || sessions, ', ' ORDER BY domain) FROM tls_sessions"));
    }

    [Theory]
    [InlineData("tlsa, REQUIRETLS", "delivered", null)]
    [InlineData("tlsa", "bounced", "550 5.7.30 ")]
    [InlineData("REQUIRETLS", "bounced", "550 5.7.30 ")]
    public async Task A_message_that_requires_TLS_goes_only_where_that_is_promised(string words, string outcome, string? reply)
    {
        var has = words.Split(", ").ToHashSet();
        await using var service = await TestService.StartAsync(settings: "Route:TrustedResolver=true");
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.Authenticated = true;
        mx.Certificate = ScriptedMx.CreateCertificate("mx.shop.test");
        if (has.Contains("REQUIRETLS"))
        {
            mx.Offer("REQUIRETLS");
        }

        if (has.Contains("tlsa"))
        {
            service.Dns.Tlsa($"_{service.MxPort}._tcp.mx.shop.test", 3, 1, 1, TestAuthority.Association(mx.Certificate, 1, 1));
        }

        var request = TestService.Request("anna@shop.test");
        request = request with { Content = request.Content with { RequireTls = true } };
        var id = ((AcceptResult.Accepted)await service.Get<AcceptWorker>().AcceptAsync(1, request, null, TestContext.Current.CancellationToken)).RequestId;
        await service.WaitForEventAsync(id, outcome);

        Assert.Equal(outcome == "delivered", mx.Messages.Count == 1 && mx.Messages[0].Mail.EndsWith(" REQUIRETLS", StringComparison.Ordinal));
        Assert.Equal(reply, reply is null ? null : (await service.ScalarAsync<string>("SELECT reply FROM attempts"))[..11]);
    }

    [Fact]
    public async Task A_relay_is_told_who_we_are_over_TLS()
    {
        await using var relay = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        relay.Account = ("shop", "secret");
        await using var service = await TestService.StartAsync(
            settings: [$"Route:Relay={relay.EndPoint}", "Route:RelayTls=required", "Route:RelayPasswordGoesTo=WhoeverAnswers", "Route:RelayUser=shop", "Route:RelayPassword=secret"]);

        var id = await service.AcceptAsync("anna@shop.test");

        await service.WaitForEventAsync(id, "delivered");
        Assert.True(relay.Messages[0].IsEncrypted);
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM attempts WHERE transcript LIKE '%secret%'"));
    }

    [Fact]
    public async Task A_kept_session_is_not_used_for_a_message_that_asks_for_more()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Route:Tls:more.test=required"]);
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.Mx("more.test", 10, "mx.shop.test");
        mx.Certificate = ScriptedMx.CreateCertificate();
        mx.Reply(SmtpStage.StartTls, "454 4.7.0 Not now", times: 1);

        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@more.test"), "delivered");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        Assert.Equal([false, true, true], mx.Messages.Select(m => m.IsEncrypted));
        Assert.Equal(mx.Messages[1].Connection, mx.Messages[2].Connection);
    }

    [Fact]
    public async Task A_domain_that_an_operator_sends_to_in_clear_does_not_take_others_with_it()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Route:Tls:clear.test=none"]);
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.Mx("clear.test", 10, "mx.shop.test");
        mx.Certificate = ScriptedMx.CreateCertificate();

        await service.WaitForEventAsync(await service.AcceptAsync("anna@clear.test"), "delivered");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        Assert.Equal([false, true], mx.Messages.Select(m => m.IsEncrypted));
    }
}
