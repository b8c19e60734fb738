using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Encryption
{
    [Fact]
    public async Task A_self_signed_certificate_is_good_enough_unless_it_must_be_verified()
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var mx = ScriptedMx.StartWithTls(certificate);

        await using var opportunistic = await OpenAsync(mx, tls: SmtpTlsMode.Opportunistic);
        var sent = await opportunistic.SendAsync(To("a@x.test"));
        var again = await opportunistic.SendAsync(To("a@x.test"));
        var verified = await ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Verified);

        Assert.Equal(SmtpRecipientOutcome.Accepted, sent.Recipients[0].Outcome);
        Assert.Equal(SmtpRecipientOutcome.Accepted, again.Recipients[0].Outcome);
        Assert.True(mx.Messages[0].IsEncrypted);
        Assert.Equal(SslProtocols.Tls13, opportunistic.Tls!.Protocol);
        Assert.Equal("CN=mx.test", opportunistic.Tls.CertificateSubject);
        Assert.False(opportunistic.Tls.IsVerified);
        Assert.Contains("UntrustedRoot", opportunistic.Tls.WhyNotVerified, StringComparison.Ordinal);
        Assert.False(opportunistic.Capabilities.StartTls);
        Assert.Equal(["EHLO client.test", "STARTTLS", "EHLO client.test"], mx.Commands.Take(3));
        Assert.Equal((SmtpStage.StartTls, SmtpFailureKind.TlsFailed), (verified.Failure!.Stage, verified.Failure.Kind));
        Assert.Contains("UntrustedRoot", verified.Failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_is_trusted_and_has_the_name_is_verified_and_one_with_another_name_is_not()
    {
        using var good = ScriptedMx.CreateCertificate("mx.test");
        using var other = ScriptedMx.CreateCertificate("other.test");
        await using var first = ScriptedMx.StartWithTls(good);
        await using var second = ScriptedMx.StartWithTls(other);
        var options = Options with { TlsOptions = _ => Trusting(good, other) };

        await using var session = await OpenAsync(first, options, SmtpTlsMode.Verified);
        var refused = await ConnectAsync(second.EndPoint, options, SmtpTlsMode.Verified);

        Assert.True(session.Tls!.IsVerified);
        Assert.Null(session.Tls.WhyNotVerified);
        Assert.Equal(SmtpFailureKind.TlsFailed, refused.Failure!.Kind);
        Assert.Contains("another name", refused.Failure.Detail, StringComparison.Ordinal);

        static SslClientAuthenticationOptions Trusting(params X509Certificate2[] roots)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(roots);
            return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }
    }

    [Fact]
    public async Task A_broken_handshake_is_tls_failed_and_the_same_host_works_in_clear()
    {
        await using var mx = ScriptedMx.Start();
        mx.BreaksTls = true;

        var broken = await ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Opportunistic);
        await using var clear = await OpenAsync(mx, tls: SmtpTlsMode.None);

        Assert.Equal((SmtpStage.StartTls, SmtpFailureKind.TlsFailed), (broken.Failure!.Stage, broken.Failure.Kind));
        Assert.Equal(SmtpRecipientOutcome.Accepted, (await clear.SendAsync(To("a@x.test"))).Recipients[0].Outcome);
    }

    [Theory]
    [InlineData(SmtpTlsMode.Required)]
    [InlineData(SmtpTlsMode.Verified)]
    public async Task A_host_without_STARTTLS_is_refused_by_us_when_tls_is_required(SmtpTlsMode tls)
    {
        await using var mx = ScriptedMx.Start();

        var result = await ConnectAsync(mx.EndPoint, tls: tls);

        Assert.Equal((SmtpStage.StartTls, SmtpFailureKind.TlsFailed), (result.Failure!.Stage, result.Failure.Kind));
        Assert.True(result.Failure.Reply!.IsLocal);
        await using var session = await OpenAsync(mx, tls: SmtpTlsMode.Opportunistic);
        Assert.Null(session.Tls);
    }

    [Fact]
    public async Task Replies_put_in_clear_after_STARTTLS_are_a_protocol_error()
    {
        await using var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        mx.Reply(SmtpStage.StartTls, "220 Go ahead\n250-mx.test\n250 CHUNKING");

        var result = await ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Opportunistic);

        Assert.Equal((SmtpStage.StartTls, SmtpFailureKind.ProtocolError), (result.Failure!.Stage, result.Failure.Kind));
    }

    [Theory]
    [InlineData("PIPELINING")]
    [InlineData("PIPELINING", "CHUNKING")]
    public async Task Closing_after_the_end_of_data_is_unknown_under_tls_too(params string[] offer)
    {
        await using var mx = ScriptedMx.StartOffering(offer);
        mx.Certificate = ScriptedMx.CreateCertificate();
        mx.Close(SmtpStage.EndOfData);
        await using var session = await OpenAsync(mx, tls: SmtpTlsMode.Required);

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal((SmtpRecipientOutcome.Unknown, SmtpStage.EndOfData, SmtpFailureKind.Closed),
            (result.Recipients[0].Outcome, result.Recipients[0].Stage, result.Recipients[0].Failure!.Value));
        Assert.Single(mx.Messages);
    }
}
