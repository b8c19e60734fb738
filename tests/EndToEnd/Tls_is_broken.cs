using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

public sealed class Tls_is_broken(Scenario scenario) : IClassFixture<Scenario>
{
    private TestService Service => scenario.Service;

    [Fact]
    public async Task A_self_signed_certificate_is_better_than_none()
    {
        using var certificate = ScriptedMx.CreateCertificate("somebody.else.test");
        await using var mx = Service.AddMx("selfsigned.test");
        mx.Certificate = certificate;

        var id = await Service.AcceptAsync("anna@selfsigned.test");
        await Service.WaitForEventAsync(id, "delivered");

        Assert.True(Assert.Single(mx.Messages).IsEncrypted);
        Assert.StartsWith("TLSv1", Assert.Single(await Service.StepsAsync(id)).Tls, StringComparison.Ordinal);
        Assert.Equal("true", await Service.DetailAsync(id, "delivered", "tls"));
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_no_obstacle_without_a_policy()
    {
        using var root = TestAuthority.CreateRoot();
        await using var service = await TestService.StartAsync(
            configure: b => b.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([root.Certificate]))));
        await using var mx = service.AddMx("shop.test");
        mx.Certificate = root.Issue(["other.test"]);

        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        Assert.True(Assert.Single(mx.Messages).IsEncrypted);
        Assert.Equal("certificate-host-mismatch", await service.ScalarAsync<string>("SELECT tls_verdict->>'fault' FROM attempts"));
    }

    [Fact]
    public async Task A_handshake_that_fails_falls_back_to_clear()
    {
        await using var mx = Service.AddMx("garbage.test");
        mx.BreaksTls = true;

        await IsDeliveredInClearAsync("garbage.test", mx);
    }

    [Fact]
    public async Task STARTTLS_that_is_offered_and_refused_falls_back_to_clear()
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var mx = Service.AddMx("refused.test");
        mx.Certificate = certificate;
        mx.Reply(SmtpStage.StartTls, "454 4.7.0 TLS not available");

        await IsDeliveredInClearAsync("refused.test", mx);
    }

    [Fact]
    public async Task A_connection_that_closes_at_STARTTLS_falls_back_to_clear()
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var mx = Service.AddMx("closes.test");
        mx.Certificate = certificate;
        mx.Close(SmtpStage.StartTls);

        await IsDeliveredInClearAsync("closes.test", mx);
    }

    [Theory]
    [InlineData("client certificate")]
    [InlineData("close")]
    [InlineData("503 5.5.1 Bad sequence of commands")]
    [InlineData("550 5.7.1 No")]
    [InlineData("454 4.7.0 TLS not available")]
    [InlineData("this is no reply")]
    public async Task TLS_that_fails_after_the_handshake_falls_back_to_clear(string fault)
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var hosts = scenario.AddDomain();
        var mx = hosts.First;
        mx.Certificate = certificate;
        if (fault == "client certificate")
        {
            mx.WantsClientCertificate = true;
        }
        else
        {
            FailUnderTls(mx, fault);
        }

        await IsDeliveredInClearAsync(hosts.Domain, mx);
    }

    [Fact]
    public async Task A_host_that_is_busy_under_TLS_is_not_tried_in_clear()
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var hosts = scenario.AddDomain();
        hosts.First.Certificate = certificate;
        FailUnderTls(hosts.First, "421 4.3.2 Too busy");

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal("ehlo", step.Stage);
        Assert.Equal(1, hosts.First.ConnectionCount);
    }

    [Fact]
    public async Task A_policy_that_forbids_clear_text_forbids_it_after_the_handshake_too()
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var service = await TestService.StartAsync(settings: "Route:Tls:shop.test=required");
        await using var mx = service.AddMx("shop.test");
        mx.Certificate = certificate;
        FailUnderTls(mx, "503 5.5.1 Bad sequence of commands");

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "deferred");

        Assert.Equal("starttls", Assert.Single(await service.StepsAsync(id)).Stage);
        Assert.Equal(1, mx.ConnectionCount);
        Assert.Empty(mx.Messages);
    }

    [Theory]
    [InlineData("close", "530 5.7.0 Must issue a STARTTLS command first")]
    [InlineData("454 4.7.0 TLS not available", "530 5.7.0 Must issue a STARTTLS command first")]
    [InlineData("454 4.7.0 TLS not available", "530 Must issue a STARTTLS command first")]
    [InlineData("454 4.7.0 TLS not available", "550 5.7.10 Encryption needed")]
    [InlineData("454 4.7.0 TLS not available", "554 5.7.1 This server requires TLS")]
    [InlineData("454 4.7.0 TLS not available", "538 5.7.11 Encryption required")]
    public async Task A_passing_failure_of_TLS_and_a_host_that_wants_none_of_it_in_clear_is_a_deferral(string fault, string reply)
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        mx.Certificate = certificate;
        if (fault == "close")
        {
            mx.BreaksTls = true;
        }
        else
        {
            mx.Reply(SmtpStage.StartTls, fault, times: 1);
        }

        mx.Reply(SmtpStage.MailFrom, reply, times: 1);

        var id = await service.AcceptAsync("anna@shop.test");
        Assert.Equal("deferred", (await service.WaitForEventAsync(id, "deferred"))[^1]);
        Assert.Equal("4.7.5", await service.DetailAsync(id, "deferred", "status"));
        Assert.Contains($"and in clear the host said: {reply}", await service.DetailAsync(id, "deferred", "reply"), StringComparison.Ordinal);
        mx.BreaksTls = false;
        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");

        Assert.True(Assert.Single(mx.Messages).IsEncrypted);
    }

    [Fact]
    public async Task A_real_postfix_that_demands_our_certificate_and_TLS_defers_and_nothing_bounces()
    {
        await using var postfix = await PostfixServer.StartAsync(
            "127.88.200.1", Service.MxPort, ["demanding.test"],
            "smtpd_tls_security_level = encrypt", "smtpd_tls_req_ccert = yes", "smtpd_tls_CAfile = $meta_directory/tls.pem", "smtpd_tls_protocols = >=TLSv1.3");
        Service.Dns.Mx("demanding.test", 10, "mx.demanding.test").A("mx.demanding.test", "127.88.200.1");

        var id = await Service.AcceptAsync("anna@demanding.test");
        Assert.Equal("deferred", (await Service.WaitForEventAsync(id, "deferred"))[^1]);

        var step = Assert.Single(await Service.StepsAsync(id));
        Assert.StartsWith("451 4.7.5 TLS failed (at EHLO under TLS: ", step.Reply, StringComparison.Ordinal);
        Assert.EndsWith("and in clear the host said: 530 5.7.0 Must issue a STARTTLS command first", step.Reply, StringComparison.Ordinal);
        Assert.Contains("* TLSv1.3 ", step.Transcript, StringComparison.Ordinal);
        Assert.Empty(postfix.Mails());
    }

    // The first EHLO, in clear, is answered as usual; those on connections that come later are not under TLS.
    private static void FailUnderTls(ScriptedMx mx, string fault)
    {
        mx.Behave(SmtpStage.Hello, 1);
        if (fault == "close")
        {
            mx.Close(SmtpStage.Hello, times: 1);
        }
        else
        {
            // A 5yz is followed by HELO.
            mx.Reply(SmtpStage.Hello, fault, times: fault[0] == '5' ? 2 : 1);
        }
    }

    private async Task IsDeliveredInClearAsync(string domain, ScriptedMx mx)
    {
        var id = await Service.AcceptAsync("anna@" + domain);

        Assert.Equal(["accepted", "processed", "delivered"], await Service.WaitForEventAsync(id, "delivered"));
        Assert.False(Assert.Single(mx.Messages).IsEncrypted);
        var step = Assert.Single(await Service.StepsAsync(id));
        Assert.Null(step.Tls);

        // Who asks why it went in the clear finds the answer.
        Assert.Contains("STARTTLS", step.Transcript, StringComparison.Ordinal);
    }
}
