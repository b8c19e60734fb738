using System.Security.Cryptography;
using System.Text;
using EmailService.Mime;
using EmailService.Mime.Dkim;
using EmailService.Protocol.Tests.Mime;
using EmailService.TestKit;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using DkimSigner = EmailService.Mime.Dkim.DkimSigner;
using DkimVerifier = EmailService.Mime.Dkim.DkimVerifier;

namespace EmailService.Protocol.Tests.Dkim;

/// <summary>MimeKit as the other signer and verifier: it believes our signatures and we believe its.</summary>
public sealed class MimeKitDkimTests : IDisposable
{
    private const int Seed = 20261203;

    private readonly DkimKey rsa = DkimKey.Generate(DkimAlgorithm.RsaSha256);
    private readonly DkimKey ed25519 = DkimKey.Generate(DkimAlgorithm.Ed25519Sha256);
    private readonly PublishedKeys published = new();
    private readonly FixedKeys keys = new();

    public MimeKitDkimTests()
    {
        foreach (var (selector, key) in new[] { ("r1", rsa), ("e1", ed25519) })
        {
            published.Add($"{selector}._domainkey.example.com", key.DnsRecord);
            keys.With($"{selector}._domainkey.example.com", key.DnsRecord);
        }
    }

    public void Dispose()
    {
        rsa.Dispose();
        ed25519.Dispose();
    }

    [Fact]
    public void MimeKit_passes_both_signatures_of_every_message_and_fails_them_once_it_is_touched()
    {
        var any = new AnyMessage(new Random(Seed));
        foreach (var (n, message) in Enumerable.Range(0, ContentSizes.Of(full: 5_000, share: 150)).Select(_ => any.Next()).Concat(Naughty()).Index())
        {
            var composed = MimeComposer.Compose(message);
            byte[] signed = [.. new DkimSigner("example.com", "r1", rsa).Sign(composed, DkimData.Noon), .. new DkimSigner("example.com", "e1", ed25519).Sign(composed, DkimData.Noon), .. composed];

            Assert.True(Verdicts(signed) is [true, true], Encoding.UTF8.GetString(signed));
            if (n % 8 == 0)
            {
                Assert.Equal([false, false], Verdicts([.. signed, .. "x\r\n"u8]));
                Assert.Equal([false, false], Verdicts([.. signed[..^composed.Length], .. "Subject: another\r\n"u8, .. composed]));
            }
        }
    }

    [Theory]
    [InlineData(DkimSignatureAlgorithm.RsaSha256, "r1")]
    [InlineData(DkimSignatureAlgorithm.Ed25519Sha256, "e1")]
    public async Task Signatures_of_MimeKit_pass_in_every_form_and_fail_once_the_message_is_touched(DkimSignatureAlgorithm algorithm, string selector)
    {
        var any = new AnyMessage(new Random(Seed));
        foreach (var i in Enumerable.Range(0, ContentSizes.Of(full: 1_000, share: 40)))
        {
            var message = MailReading.ReadMessage(MimeComposer.Compose(any.Next()));
            var signer = Signer(algorithm, selector, i);
            signer.Sign(message, i % 3 == 0 ? [HeaderId.From] : [HeaderId.From, HeaderId.To, HeaderId.Subject, HeaderId.Date, HeaderId.MessageId, HeaderId.ContentType]);
            var signed = Octets(message);

            Assert.True(await VerdictAsync(signed) == DkimVerdict.Pass, Encoding.UTF8.GetString(signed));
            Assert.Equal(DkimVerdict.Fail, await VerdictAsync([.. signed, .. "x\r\n"u8]));
        }
    }

    private static IEnumerable<OutgoingMessage> Naughty() => MimeData.NaughtyStrings().Where(MimeHeader.IsValidValue).Select(NaughtyStringTests.Naughty);

    private static byte[] Octets(MimeMessage message)
    {
        var options = FormatOptions.Default.Clone();
        options.NewLineFormat = NewLineFormat.Dos;
        using var octets = new MemoryStream();
        message.WriteTo(options, octets);
        return octets.ToArray();
    }

    private MimeKit.Cryptography.DkimSigner Signer(DkimSignatureAlgorithm algorithm, string selector, int i)
    {
        var pem = PemEncoding.WriteString("PRIVATE KEY", (selector == "r1" ? rsa : ed25519).ExportPkcs8());
        return new MimeKit.Cryptography.DkimSigner(new MemoryStream(Encoding.ASCII.GetBytes(pem)), "example.com", selector, algorithm)
        {
            HeaderCanonicalizationAlgorithm = (DkimCanonicalizationAlgorithm)(i % 2),
            BodyCanonicalizationAlgorithm = (DkimCanonicalizationAlgorithm)(i / 2 % 2),
            AgentOrUserIdentifier = i % 5 == 0 ? "@news.example.com" : "",
            QueryMethod = i % 7 == 0 ? "dns/txt" : "",
        };
    }

    private bool[] Verdicts(byte[] signed)
    {
        var message = MailReading.ReadMessage(signed);
        var verifier = new MimeKit.Cryptography.DkimVerifier(published);
        verifier.Enable(DkimSignatureAlgorithm.Ed25519Sha256);
        return [.. message.Headers.Where(field => field.Id == HeaderId.DkimSignature).Select(field => verifier.Verify(message, field))];
    }

    private async Task<DkimVerdict> VerdictAsync(byte[] signed) =>
        Assert.Single(await new DkimVerifier(keys, TimeProvider.System).VerifyAsync(signed, TestContext.Current.CancellationToken)).Verdict;

    /// <summary>Our records as DNS would give them, read by MimeKit.</summary>
    private sealed class PublishedKeys : DkimPublicKeyLocatorBase
    {
        private readonly Dictionary<string, string> records = [];

        public void Add(string name, string record) => records.Add(name, record);

        public override AsymmetricKeyParameter LocatePublicKey(string methods, string domain, string selector, CancellationToken cancellationToken = default) =>
            GetPublicKey(records[$"{selector}._domainkey.{domain}"]);

        public override Task<AsymmetricKeyParameter> LocatePublicKeyAsync(string methods, string domain, string selector, CancellationToken cancellationToken = default) =>
            Task.FromResult(LocatePublicKey(methods, domain, selector, cancellationToken));
    }
}
