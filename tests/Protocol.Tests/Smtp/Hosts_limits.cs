using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>LIMITS (RFC 9422) and REQUIRETLS (RFC 8689).</summary>
public sealed class Hosts_limits
{
    [Theory]
    [InlineData("LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1", 5, 20, 1)]
    [InlineData("limits mailmax=5", 5, 0, 0)]
    [InlineData("LIMITS MAILMAX=0 RCPTMAX=-1 RCPTDOMAINMAX=1234567", 0, 0, 0)]
    [InlineData("LIMITS MAILMAX RCPTMAX= =7 OTHER=1 RCPTDOMAINMAX=999999", 0, 0, 999_999)]
    [InlineData("LIMITS", 0, 0, 0)]
    public void Limits_are_read(string line, int mail, int rcpt, int domain)
    {
        var found = SmtpCapabilities.Parse("mx.test\n" + line);

        Assert.Equal((mail, rcpt, domain), (found.MailMax, found.RcptMax, found.RcptDomainMax));
    }

    [Fact]
    public async Task A_session_ends_at_mailmax_and_refused_mail_counts()
    {
        await using var mx = ScriptedMx.StartOffering("LIMITS MAILMAX=2");
        mx.Reply(SmtpStage.MailFrom, "451 4.3.0 Not now", times: 1);
        await using var session = await OpenAsync(mx);

        Assert.True((await session.SendAsync(To("a@x.test"))).SessionUsable);
        Assert.False((await session.SendAsync(To("a@x.test"))).SessionUsable);
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task Recipients_over_rcptmax_are_put_off_by_us()
    {
        await using var mx = ScriptedMx.StartOffering("PIPELINING", "LIMITS RCPTMAX=2");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test", "b@x.test", "c@x.test"));

        Assert.Equal([SmtpRecipientOutcome.Accepted, SmtpRecipientOutcome.Accepted, SmtpRecipientOutcome.Refused], result.Recipients.Select(r => r.Outcome));
        Assert.Equal("452 4.5.3", result.Recipients[2].Reply!.ToString()[..9]);
        Assert.Equal(["a@x.test", "b@x.test"], mx.Messages[0].ForwardPaths);
    }

    [Fact]
    public async Task A_session_carries_no_more_domains_than_the_host_takes()
    {
        await using var mx = ScriptedMx.StartOffering("LIMITS RCPTDOMAINMAX=1");
        await using var session = await OpenAsync(mx);

        Assert.True(session.MayCarry("x.test"));
        await session.SendAsync(To("a@x.test"));
        Assert.True(session.MayCarry("X.test"));
        Assert.False(session.MayCarry("y.test"));
        Assert.Equal(452, (await session.SendAsync(To("a@y.test"))).Recipients[0].Reply!.Code);
        Assert.Equal(SmtpRecipientOutcome.Accepted, (await session.SendAsync(To("b@x.test"))).Recipients[0].Outcome);
    }

    [Theory]
    [InlineData(true, true, null)]
    [InlineData(true, false, "550 5.7.30")]
    [InlineData(false, true, "550 5.7.30")]
    public async Task Requiretls_needs_a_host_that_proved_itself_and_offers_it(bool verified, bool offered, string? refusal)
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var mx = offered ? ScriptedMx.StartOffering("PIPELINING", "REQUIRETLS") : ScriptedMx.StartOffering("PIPELINING");
        mx.Certificate = certificate;
        var key = TestAuthority.Association(certificate, 1, 1);
        var policy = verified ? SmtpTlsPolicy.Dane([new SmtpTlsa(3, 1, 1, key)], []) : SmtpTlsPolicy.Required;
        var connected = await SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", policy, Options, TimeProvider.System, default);
        await using var session = connected.Session!;

        var result = await session.SendAsync(To("a@x.test") with { RequireTls = true });

        Assert.Equal(refusal, result.Recipients[0].Reply!.IsLocal ? result.Recipients[0].Reply!.ToString()[..10] : null);
        if (refusal is null)
        {
            Assert.EndsWith(" REQUIRETLS", mx.Messages[0].Mail, StringComparison.Ordinal);
        }
        else
        {
            Assert.Empty(mx.Messages);
        }
    }
}
