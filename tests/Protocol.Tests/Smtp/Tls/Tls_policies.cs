using System.Security.Cryptography.X509Certificates;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Smtp.Tls;

/// <summary>What each policy makes of each certificate, against real sockets: one row, one case. The host is mx.test, reached for example.test.</summary>
public sealed class Tls_policies
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private static readonly TestAuthority Root = TestAuthority.CreateRoot();
    private static readonly TestAuthority Middle = Root.CreateAuthority();
    private static readonly TestAuthority Forger = TestAuthority.CreateRoot("Test Authority");
    private static readonly TestAuthority OtherRoot = TestAuthority.CreateRoot("Other Root");
    private static readonly TestAuthority OldRoot = TestAuthority.CreateRoot("Old Root", Now.AddDays(-2));

    // Each row is told apart by its own words; certificates and policies are made from them below.
    [Theory]

    // Opportunistic: anything goes, and the verdict says what it was.
    [InlineData("opportunistic", "good", true, SmtpTlsFault.None)]
    [InlineData("opportunistic", "self-signed", true, SmtpTlsFault.NotTrusted)]
    [InlineData("opportunistic", "expired", true, SmtpTlsFault.Expired)]
    [InlineData("opportunistic", "other name", true, SmtpTlsFault.WrongName)]
    [InlineData("required", "self-signed", true, SmtpTlsFault.NotTrusted)]

    // PKIX and the host's name, as MTA-STS in "enforce" asks. RFC 8461 §4.1
    [InlineData("verified", "good", true, SmtpTlsFault.None)]
    [InlineData("verified", "wildcard", true, SmtpTlsFault.None)]
    [InlineData("verified", "self-signed", false, SmtpTlsFault.NotTrusted)]
    [InlineData("verified", "other root", false, SmtpTlsFault.NotTrusted)]
    [InlineData("verified", "without middle", false, SmtpTlsFault.NotTrusted)]
    [InlineData("verified", "expired", false, SmtpTlsFault.Expired)]
    [InlineData("verified", "other name", false, SmtpTlsFault.WrongName)]
    [InlineData("verified", "wildcard two labels up", false, SmtpTlsFault.WrongName)]
    [InlineData("verified", "common name only", false, SmtpTlsFault.WrongName)]
    [InlineData("verified", "next-hop name", false, SmtpTlsFault.WrongName)]

    // DANE-EE: the key alone. RFC 7672 §3.1.1
    [InlineData("dane 3 1 1 leaf", "self-signed", true, SmtpTlsFault.None)]
    [InlineData("dane 3 0 1 leaf", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 3 1 2 leaf", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 3 1 0 leaf", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 3 0 0 leaf", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 3 1 1 leaf", "expired", true, SmtpTlsFault.None)]
    [InlineData("dane 3 1 1 leaf", "other name", true, SmtpTlsFault.None)]
    [InlineData("dane 3 1 1 root", "good", false, SmtpTlsFault.TlsaMismatch)]
    [InlineData("dane 3 1 1 other, 3 1 1 leaf", "self-signed", true, SmtpTlsFault.None)]
    [InlineData("dane 3 1 1 other", "good", false, SmtpTlsFault.TlsaMismatch)]

    // DANE-TA: a chain to the anchor, and a name. RFC 7672 §3.1.2
    [InlineData("dane 2 0 1 middle", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 2 1 1 middle", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 2 1 2 middle", "wildcard", true, SmtpTlsFault.None)]
    [InlineData("dane 2 0 0 root", "good", true, SmtpTlsFault.None)]
    [InlineData("dane 2 0 0 middle", "without middle", true, SmtpTlsFault.None)]
    [InlineData("dane 2 0 1 middle", "next-hop name", true, SmtpTlsFault.None)]
    [InlineData("dane 2 0 1 middle", "common name only", true, SmtpTlsFault.None)]
    [InlineData("dane 2 0 1 middle", "other name", false, SmtpTlsFault.WrongName)]
    [InlineData("dane 2 0 1 middle", "expired", false, SmtpTlsFault.Expired)]
    [InlineData("dane 2 0 1 middle", "without middle", false, SmtpTlsFault.TlsaMismatch)]
    [InlineData("dane 2 0 0 root", "other root", false, SmtpTlsFault.TlsaMismatch)]
    [InlineData("dane 2 0 0 old root", "under old root", false, SmtpTlsFault.Expired)]
    [InlineData("dane 2 1 1 leaf", "self-signed", false, SmtpTlsFault.TlsaMismatch)]
    [InlineData("dane 2 0 1 fake middle", "issued by a host", false, SmtpTlsFault.NotTrusted)]

    // The issuer's name and certificate are public; its signature is what counts.
    [InlineData("dane 2 0 1 middle", "forged", false, SmtpTlsFault.NotTrusted)]
    [InlineData("dane 2 1 1 middle", "forged", false, SmtpTlsFault.NotTrusted)]
    [InlineData("dane 2 0 0 middle", "forged without middle", false, SmtpTlsFault.NotTrusted)]
    [InlineData("verified", "forged", false, SmtpTlsFault.NotTrusted)]

    // A weak hash cannot undo a strong one. RFC 7671 §9
    [InlineData("dane 3 1 1 leaf, 3 1 2 other", "good", false, SmtpTlsFault.TlsaMismatch)]
    [InlineData("dane 3 1 1 other, 3 1 2 leaf", "good", true, SmtpTlsFault.None)]

    // Records that SMTP can't use: encrypted all the same, and nobody authenticated. RFC 7672 §2.2 and §3.1.3
    [InlineData("dane 1 1 1 other", "self-signed", true, SmtpTlsFault.TlsaUnusable)]
    [InlineData("dane 0 0 1 root", "self-signed", true, SmtpTlsFault.TlsaUnusable)]
    [InlineData("dane 3 1 9 leaf", "self-signed", true, SmtpTlsFault.TlsaUnusable)]
    [InlineData("dane 1 1 1 leaf, 3 1 1 other", "self-signed", false, SmtpTlsFault.TlsaMismatch)]
    public async Task A_policy_takes_or_refuses_a_certificate(string policy, string certificate, bool taken, SmtpTlsFault fault)
    {
        var (leaf, sent) = Make(certificate);
        await using var mx = Host(leaf, sent);
        var options = SmtpTestSession.Options with { TrustedRoots = [Root.Certificate] };

        // Twice, because the second handshake may resume the first one's session.
        for (var i = 0; i < 2; i++)
        {
            var result = await SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", PolicyOf(policy, leaf, sent), options, TimeProvider.System, default);
            var info = result.Session?.Tls ?? result.Failure!.Tls!;
            Assert.Equal((taken, fault), (result.IsConnected, info.Fault));
            Assert.Equal(fault == SmtpTlsFault.None, info.IsVerified);
            Assert.Equal(fault == SmtpTlsFault.None, info.WhyNotVerified is null && info.VerifiedBy is not null);
            if (result.Session is { } session)
            {
                await using (session)
                {
                    Assert.Equal(SmtpRecipientOutcome.Accepted, (await session.SendAsync(SmtpTestSession.To("a@example.test"))).Recipients[0].Outcome);
                    await session.QuitAsync(default);
                }
            }
            else
            {
                Assert.Equal((SmtpStage.StartTls, SmtpFailureKind.TlsFailed, fault), (result.Failure!.Stage, result.Failure.Kind, result.Failure.TlsFault));
                Assert.Equal((true, new EnhancedStatusCode(4, 7, 5)), (result.Failure.Reply!.IsLocal, result.Failure.Reply.Enhanced!.Value));
                Assert.Empty(mx.Messages);
            }
        }

        Assert.All(mx.Messages, message => Assert.True(message.IsEncrypted));
    }

    [Fact]
    public async Task A_host_without_TLS_is_refused_by_every_policy_that_wants_it()
    {
        await using var mx = ScriptedMx.Start();
        foreach (var policy in new[] { SmtpTlsPolicy.Required, SmtpTlsPolicy.Verified("mta-sts"), SmtpTlsPolicy.Dane([], ["mx.test"]) })
        {
            var result = await SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", policy, SmtpTestSession.Options, TimeProvider.System, default);

            Assert.Equal((SmtpFailureKind.TlsFailed, SmtpTlsFault.NotOffered), (result.Failure!.Kind, result.Failure.TlsFault));
            Assert.Contains(policy.Name, result.Failure.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Old_versions_of_TLS_are_not_spoken()
    {
        var (leaf, sent) = Make("good");
        await using var mx = Host(leaf, sent);
#pragma warning disable SYSLIB0039, CA5397 // The point of the test.
        mx.TlsVersions = System.Security.Authentication.SslProtocols.Tls11;
#pragma warning restore SYSLIB0039, CA5397

        var result = await SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", SmtpTlsPolicy.Opportunistic, SmtpTestSession.Options, TimeProvider.System, default);

        Assert.Equal((SmtpFailureKind.TlsFailed, SmtpTlsFault.HandshakeFailed), (result.Failure!.Kind, result.Failure.TlsFault));
    }

    [Fact]
    public async Task A_session_serves_another_policy_only_if_it_satisfies_it()
    {
        var (leaf, sent) = Make("good");
        await using var mx = Host(leaf, sent);
        var options = SmtpTestSession.Options with { TrustedRoots = [Root.Certificate] };
        var result = await SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", SmtpTlsPolicy.Opportunistic, options, TimeProvider.System, default);
        await using var session = result.Session!;

        Assert.True(session.Satisfies(SmtpTlsPolicy.Opportunistic));
        Assert.True(session.Satisfies(SmtpTlsPolicy.Required));
        Assert.False(session.Satisfies(SmtpTlsPolicy.Verified("mta-sts")));
        Assert.False(session.Satisfies(PolicyOf("dane 3 1 1 leaf", leaf, sent)));
        Assert.False(session.Satisfies(SmtpTlsPolicy.None));
        Assert.Equal(PolicyOf("dane 3 1 1 leaf", leaf, sent), PolicyOf("dane 3 1 1 leaf", leaf, sent));
        Assert.NotEqual(PolicyOf("dane 3 1 1 leaf", leaf, sent), PolicyOf("dane 3 1 1 root", leaf, sent));
    }

    [Fact]
    public async Task The_clock_says_whether_a_certificate_has_expired()
    {
        var (leaf, sent) = Make("good");
        await using var mx = Host(leaf, sent);
        var options = SmtpTestSession.Options with { TrustedRoots = [Root.Certificate] };

        var later = await SmtpClientSession.ConnectAsync(
            mx.EndPoint, "mx.test", SmtpTlsPolicy.Verified("mta-sts"), options, new ManualTime(Now.AddYears(3)), default);

        Assert.Equal(SmtpTlsFault.Expired, later.Failure!.TlsFault);
    }

    private static ScriptedMx Host(X509Certificate2 leaf, X509Certificate2Collection sent)
    {
        var mx = ScriptedMx.StartWithTls(leaf);
        mx.Intermediates.AddRange(sent);
        return mx;
    }

    private static (X509Certificate2 Leaf, X509Certificate2Collection Sent) Make(string certificate)
    {
        X509Certificate2Collection middle = [Middle.Certificate];
        switch (certificate)
        {
            case "good": return (Middle.Issue(["mx.test"]), middle);
            case "wildcard": return (Middle.Issue(["*.test"]), middle);
            case "wildcard two labels up": return (Middle.Issue(["*.mx.test"]), middle);
            case "common name only": return (Middle.Issue([], "mx.test"), middle);
            case "next-hop name": return (Middle.Issue(["example.test"]), middle);
            case "other name": return (Middle.Issue(["other.test", "mx.test.other.test"]), middle);
            case "expired": return (Middle.Issue(["mx.test"], notAfter: Now.AddDays(-1)), middle);
            case "without middle": return (Middle.Issue(["mx.test"]), []);
            case "other root": return (OtherRoot.Issue(["mx.test"]), []);
            case "under old root": return (OldRoot.Issue(["mx.test"]), []);
            case "forged": return (Forger.Issue(["mx.test"]), middle);
            case "forged without middle": return (Forger.Issue(["mx.test"]), []);
            case "self-signed": return (ScriptedMx.CreateCertificate(), []);
            case "issued by a host":
                // A host's certificate that plays authority: its owner may sign whatever it likes, and nobody has to believe it.
                var (fake, key) = Middle.IssueWithKey("mx.attacker.test");
                using (var attacker = TestAuthority.Pretend(fake, key))
                {
                    return (attacker.Issue(["mx.test"]), [fake, Middle.Certificate]);
                }

            default: throw new ArgumentOutOfRangeException(nameof(certificate), certificate, null);
        }
    }

    private static SmtpTlsPolicy PolicyOf(string words, X509Certificate2 leaf, X509Certificate2Collection sent)
    {
        if (!words.StartsWith("dane ", StringComparison.Ordinal))
        {
            return SmtpTlsPolicy.Of(Enum.Parse<SmtpTlsMode>(words, ignoreCase: true));
        }

        var records = words[5..].Split(", ").Select(record =>
        {
            var field = record.Split(' ', 4);
            var certificate = field[3] switch
            {
                "leaf" => leaf,
                "middle" => Middle.Certificate,
                "root" => Root.Certificate,
                "old root" => OldRoot.Certificate,
                "fake middle" => sent[0],
                _ => OtherRoot.Certificate,
            };
            var (usage, selector, matching) = (byte.Parse(field[0]), byte.Parse(field[1]), byte.Parse(field[2]));
            return new SmtpTlsa(usage, selector, matching, TestAuthority.Association(certificate, selector, matching > 2 ? (byte)1 : matching));
        });
        return SmtpTlsPolicy.Dane([.. records], ["mx.test", "example.test"]);
    }
}
