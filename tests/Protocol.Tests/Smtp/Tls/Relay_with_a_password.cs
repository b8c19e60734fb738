using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp.Tls;

/// <summary>Smart hosts: AUTH, and TLS from the first byte.</summary>
public sealed class Relay_with_a_password
{
    private static readonly SmtpCredentials Credentials = new("user,one=1", "pässword ½");

    [Theory]
    [InlineData("PLAIN", "AUTH PLAIN")]
    [InlineData("LOGIN", "AUTH LOGIN")]
    [InlineData("login plain", "AUTH PLAIN")]
    [InlineData("PLAIN LOGIN SCRAM-SHA-256", "AUTH SCRAM-SHA-256")]
    public async Task The_best_mechanism_that_is_offered_lets_us_in_and_the_transcript_has_no_secret(string offered, string used)
    {
        await using var mx = Relay(offered);

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { UserName = used.EndsWith("256", StringComparison.Ordinal) ? "user" : Credentials.UserName });

        Assert.True(result.IsConnected, $"{result.Failure} {result.Transcript}");
        Assert.Contains(mx.Commands, command => command.StartsWith(used, StringComparison.Ordinal));
        var transcript = result.Transcript.ToString();
        foreach (var command in mx.Commands.Where(c => c.Length > 12 && !c.StartsWith("EHLO", StringComparison.Ordinal)))
        {
            Assert.DoesNotContain(command.Split(' ')[^1], transcript, StringComparison.Ordinal);
        }

        await result.Session.DisposeAsync();
    }

    [Fact]
    public async Task A_wrong_password_is_the_hosts_refusal_at_auth()
    {
        await using var mx = Relay("PLAIN");

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { Password = "wrong" });

        Assert.Equal((SmtpStage.Authenticate, SmtpFailureKind.Refused, 535), (result.Failure!.Stage, result.Failure.Kind, result.Failure.Reply!.Code));
        Assert.False(result.Failure.Reply.IsLocal);
    }

    [Theory]
    [InlineData(SmtpTlsMode.None)]
    [InlineData(SmtpTlsMode.Opportunistic)]
    public async Task A_password_is_never_sent_in_clear(SmtpTlsMode mode)
    {
        await using var mx = ScriptedMx.StartOffering("AUTH PLAIN LOGIN");

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Of(mode), Credentials);

        Assert.Equal((SmtpStage.Authenticate, SmtpTlsFault.NotOffered), (result.Failure!.Stage, result.Failure.TlsFault));
        Assert.DoesNotContain(mx.Commands, command => command.StartsWith("AUTH", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_that_knows_no_proof_of_the_password_is_not_believed()
    {
        await using var mx = Relay("SCRAM-SHA-256");
        mx.LiesInScram = true;

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { UserName = "user" });

        Assert.Equal((SmtpStage.Authenticate, true), (result.Failure!.Stage, result.Failure.Reply!.IsLocal));
    }

    [Fact]
    public async Task A_host_that_offers_nothing_we_know_is_not_sent_anything()
    {
        await using var mx = Relay("GSSAPI NTLM");

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials);

        Assert.Equal((SmtpStage.Authenticate, true), (result.Failure!.Stage, result.Failure.Reply!.IsLocal));
    }

    [Fact]
    public async Task Tls_may_begin_with_the_connection()
    {
        await using var mx = Relay("PLAIN");
        mx.TlsFromTheStart = true;

        var result = await ConnectAsync(mx, new SmtpTlsPolicy(SmtpTlsMode.Required, "relay") { IsImplicit = true }, Credentials);

        await using var session = result.Session!;
        Assert.Equal("relay", session.Tls!.Policy);
        Assert.Equal(SmtpRecipientOutcome.Accepted, (await session.SendAsync(To("a@x.test"))).Recipients[0].Outcome);
        Assert.DoesNotContain("STARTTLS", mx.Commands);
    }

    [Theory]
    [InlineData("PLAIN LOGIN SCRAM-SHA-256", 1, "AUTH SCRAM-SHA-256, AUTH PLAIN")]
    [InlineData("PLAIN LOGIN SCRAM-SHA-256", 2, "AUTH SCRAM-SHA-256, AUTH PLAIN, AUTH LOGIN")]
    [InlineData("LOGIN SCRAM-SHA-256", 1, "AUTH SCRAM-SHA-256, AUTH LOGIN")]
    [InlineData("LOGIN PLAIN", 1, "AUTH PLAIN, AUTH LOGIN")]
    public async Task A_mechanism_that_is_refused_is_followed_by_the_next_that_is_offered(string offered, int refused, string used)
    {
        foreach (var reply in new[] { "535 5.7.8 Authentication failed", "504 5.5.4 Unrecognized authentication type", "534 5.7.9 Too weak", "454 4.7.0 Not now", "500 What?" })
        {
            await using var mx = Relay(offered);
            mx.Account = ("user", Credentials.Password);
            mx.Reply(SmtpStage.Authenticate, reply, times: refused);

            var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { UserName = "user" });

            Assert.True(result.IsConnected, $"{result.Failure} {result.Transcript}");
            Assert.Equal(used, string.Join(", ", mx.Commands.Where(c => c.StartsWith("AUTH", StringComparison.Ordinal)).Select(c => string.Join(' ', c.Split(' ').Take(2)))));
            await result.Session.DisposeAsync();
        }
    }

    [Fact]
    public async Task When_all_are_refused_the_reply_names_what_was_tried()
    {
        await using var mx = Relay("PLAIN LOGIN SCRAM-SHA-256");
        mx.Reply(SmtpStage.Authenticate, "535 5.7.8 Go away");

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { UserName = "user" });

        Assert.Equal("535 5.7.8 Go away (tried SCRAM-SHA-256, PLAIN, LOGIN)", result.Failure!.Reply!.ToString());
        Assert.False(result.Failure.Reply.IsLocal);
    }

    [Fact]
    public async Task A_host_that_closes_at_AUTH_is_asked_no_more()
    {
        await using var mx = Relay("PLAIN LOGIN");
        mx.Reply(SmtpStage.Authenticate, "421 4.7.0 Too many failures");

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials);

        Assert.Equal("421 4.7.0 Too many failures", result.Failure!.Reply!.ToString());
        Assert.Single(mx.Commands, c => c.StartsWith("AUTH", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_whose_proof_is_wrong_does_not_get_the_password_in_a_plainer_way()
    {
        await using var mx = Relay("PLAIN LOGIN SCRAM-SHA-256");
        mx.LiesInScram = true;

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { UserName = "user" });

        Assert.True(result.Failure!.Reply!.IsLocal);
        Assert.DoesNotContain(mx.Commands, c => c.StartsWith("AUTH PLAIN", StringComparison.Ordinal) || c.StartsWith("AUTH LOGIN", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Challenges_are_not_in_the_transcript()
    {
        await using var mx = Relay("SCRAM-SHA-256");

        var result = await ConnectAsync(mx, SmtpTlsPolicy.Required, Credentials with { UserName = "user" });

        var said = result.Transcript.GetLines().Where(l => l.Text.StartsWith("334", StringComparison.Ordinal)).Select(l => l.Text).ToList();
        Assert.Equal(["334 ***", "334 ***"], said);
        await result.Session!.DisposeAsync();
    }

    private static ScriptedMx Relay(string mechanisms)
    {
        var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        mx.Account = (mechanisms.Contains("SCRAM", StringComparison.Ordinal) ? "user" : Credentials.UserName, Credentials.Password);
        mx.Mechanisms = mechanisms;
        return mx;
    }

    private static Task<SmtpConnectResult> ConnectAsync(ScriptedMx mx, SmtpTlsPolicy policy, SmtpCredentials credentials) =>
        SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", policy, Options with { Credentials = credentials }, TimeProvider.System, default);
}
