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
