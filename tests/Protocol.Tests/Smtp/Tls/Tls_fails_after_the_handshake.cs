using System.Security.Authentication;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp.Tls;

/// <summary>All until the reply to EHLO under TLS counts as TLS that failed; but a host that is busy is not one whose TLS is broken.</summary>
public sealed class Tls_fails_after_the_handshake
{
    [Theory]
    [InlineData("close", SmtpStage.StartTls)]
    [InlineData("hang", SmtpStage.StartTls)]
    [InlineData("503 5.5.1 Bad sequence of commands", SmtpStage.StartTls)]
    [InlineData("500 5.5.2 What?", SmtpStage.StartTls)]
    [InlineData("550 5.7.1 No", SmtpStage.StartTls)]
    [InlineData("554 5.7.1 Certificate required", SmtpStage.StartTls)]
    [InlineData("454 4.7.0 TLS not available", SmtpStage.StartTls)]
    [InlineData("421 4.7.1 TLS client certificate required", SmtpStage.StartTls)]
    [InlineData("334 What is this", SmtpStage.StartTls)]
    [InlineData("no reply at all", SmtpStage.StartTls)]
    [InlineData("421 4.3.2 Too busy", SmtpStage.Hello)]
    [InlineData("450 4.7.1 Too many sessions", SmtpStage.Hello)]
    [InlineData("451 4.3.0 Later", SmtpStage.Hello)]
    public async Task What_is_said_to_the_EHLO_under_TLS_tells(string fault, SmtpStage stage)
    {
        foreach (var pacing in new[] { MxPacing.Whole, MxPacing.ByteByByte })
        {
            await using var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
            mx.Pacing = pacing;
            mx.Behave(SmtpStage.Hello, 1);
            switch (fault)
            {
                case "close":
                    mx.Close(SmtpStage.Hello);
                    break;
                case "hang":
                    mx.Hang(SmtpStage.Hello);
                    break;
                default:
                    mx.Reply(SmtpStage.Hello, fault);
                    break;
            }

            var result = await ConnectAsync(mx.EndPoint, fault == "hang" ? HastyAt(SmtpStage.Hello) : Options, SmtpTlsMode.Opportunistic);

            Assert.Equal((stage, stage == SmtpStage.StartTls ? SmtpTlsFault.HandshakeFailed : SmtpTlsFault.None), (result.Failure!.Stage, result.Failure.TlsFault));
            Assert.Contains("not verified", result.Transcript.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task A_host_that_wants_our_certificate_fails_TLS_whenever_it_says_so(SslProtocols version)
    {
        await using var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        mx.TlsVersions = version;
        mx.WantsClientCertificate = true;

        var result = await ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Opportunistic);

        Assert.Equal((SmtpStage.StartTls, SmtpTlsFault.HandshakeFailed), (result.Failure!.Stage, result.Failure.TlsFault));
    }

    [Fact]
    public async Task Breaking_off_is_no_fault_of_TLS()
    {
        await using var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        mx.Behave(SmtpStage.Hello, 1);
        mx.Hang(SmtpStage.Hello);
        using var stopping = new CancellationTokenSource();

        var connecting = ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Opportunistic, token: stopping.Token);
        await Wait.UntilAsync(() => mx.Commands.Count(c => c.StartsWith("EHLO", StringComparison.Ordinal)) == 2, "EHLO is said under TLS");
        await stopping.CancelAsync();

        var failure = (await connecting).Failure!;
        Assert.Equal((SmtpStage.Hello, SmtpFailureKind.Aborted), (failure.Stage, failure.Kind));
    }
}
