using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using EmailService.Mime.Dkim;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Protocol.Tests.Dkim;

public sealed class SignerTests
{
    private static readonly Config Seeded = Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(6376, 8463);

    // Shared: an RSA key takes longer to make than all of a test.
    private static readonly DkimKey Rsa = DkimKey.Generate(DkimAlgorithm.RsaSha256);
    private static readonly DkimKey EdKey = DkimKey.Generate(DkimAlgorithm.Ed25519Sha256);
    private static readonly DkimSigner RsaSigner = new("example.com", "r1", Rsa);
    private static readonly DkimSigner EdSigner = new("example.com", "e1", EdKey);
    private static readonly DkimVerifier Verifier = new(
        new FixedKeys().With("r1._domainkey.example.com", Rsa.DnsRecord).With("e1._domainkey.example.com", EdKey.DnsRecord),
        new StoppedClock(DkimData.Noon));

    [Fact]
    public async Task A_message_signed_with_both_keys_passes_twice()
    {
        var message = DkimData.SignedWith(RsaSigner, DkimData.SignedWith(EdSigner, DkimData.Message));

        var results = await Verifier.VerifyAsync(message, default);

        Assert.Equal([("r1", DkimVerdict.Pass, 2048), ("e1", DkimVerdict.Pass, 256)], results.Select(result => (result.Selector!, result.Verdict, result.KeyBits)));
    }

    [Fact]
    public void The_field_is_folded_ends_in_CRLF_and_says_what_it_covers()
    {
        var field = Encoding.ASCII.GetString(RsaSigner.Sign(DkimData.Message, DkimData.Noon));

        Assert.StartsWith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=example.com; s=r1;\r\n t=1772366400; h=from:from:", field, StringComparison.Ordinal);
        Assert.EndsWith("\r\n", field, StringComparison.Ordinal);
        Assert.All(field.Split("\r\n")[1..^1], line => Assert.StartsWith(" ", line, StringComparison.Ordinal));
        Assert.All(field.Split("\r\n"), line => Assert.InRange(line.Length, 0, 78));
        Assert.DoesNotContain("l=", field.Replace("rel", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(
            "from:from:sender:reply-to:to:to:cc:subject:subject:date:date:message-id:message-id:mime-version:mime-version:content-type:content-type"
            + ":content-transfer-encoding:list-unsubscribe:list-unsubscribe-post",
            Tag(field, "h"));
    }

    [Fact]
    public void Every_line_keeps_within_78_columns_whatever_the_names()
    {
        foreach (var length in Enumerable.Range(1, 60))
        {
            foreach (var signer in (DkimSigner[])[new(new string('d', length) + ".example", "s", Rsa), new("example.com", new string('s', length), EdKey)])
            {
                var lines = Encoding.ASCII.GetString(signer.Sign(DkimData.Message, DkimData.Noon)).Split("\r\n");
                Assert.All(lines, line => Assert.InRange(line.Length, 0, 78));
                Assert.All(lines[..^1], line => Assert.False(string.IsNullOrWhiteSpace(line)));
            }
        }
    }

    [Fact]
    public void Output_appends_the_same_octets()
    {
        var output = new ArrayBufferWriter<byte>();
        RsaSigner.Sign(DkimData.Message, DkimData.Noon, output);
        Assert.Equal(RsaSigner.Sign(DkimData.Message, DkimData.Noon), output.WrittenSpan.ToArray());
    }

    [Fact]
    public async Task Any_message_passes_once_signed()
    {
        var piece = Gen.Elements("\r\n", "\r\n\r\n", " ", "\t", "  ", "a", "Hello", ".", "=3D", "\u00e9", "\r", "\n", "\0");
        var body = piece.ListOf().Select(pieces => string.Concat(pieces));
        var value = Gen.Elements("x", " ", "\t", "\r\n ", "\r\n\t", "word", "=?utf-8?q?=C3=A9?=", ":", ";").ListOf().Select(parts => string.Concat(parts));
        var name = Gen.Elements("To", "CC", "subject", "Date", "Received", "X-A", "Message-ID", "Reply-To", "Content-Type");
        var header = name.SelectMany(n => value.Select(v => $"{n}:{v}.\r\n")).ListOf().Select(fields => string.Concat(fields));
        var messages = header.SelectMany(h => body.Select(b => Encoding.Latin1.GetBytes($"{h}From: <a@example.com>\r\n{h}\r\n{b}")));

        Prop.ForAll(messages.ToArbitrary(), message =>
            Verifier.VerifyAsync(DkimData.SignedWith(EdSigner, message), default).Result is [{ Verdict: DkimVerdict.Pass }]).Check(Seeded);
        foreach (var message in messages.Sample(30, 40))
        {
            Assert.Equal(DkimVerdict.Pass, Assert.Single(await Verifier.VerifyAsync(DkimData.SignedWith(RsaSigner, message), default)).Verdict);
        }
    }

    [Fact]
    public async Task Changing_any_signed_octet_fails()
    {
        var signed = DkimData.SignedWith(EdSigner, DkimData.Message);
        var other = Encoding.ASCII.GetString(signed).IndexOf("X-Other", StringComparison.Ordinal);
        for (var i = 0; i < signed.Length; i++)
        {
            // X-Other and its value are not signed; the line end before it is.
            if (i >= other && i < other + "X-Other: not signed\r\n".Length)
            {
                continue;
            }

            var changed = (byte[])signed.Clone();
            changed[i] ^= 0x01;
            if (IsSameWhenRelaxed(signed, i, changed[i]))
            {
                continue;
            }

            Assert.DoesNotContain(await Verifier.VerifyAsync(changed, default), result => result.Verdict == DkimVerdict.Pass);
        }
    }

    [Theory]
    [InlineData("From: <evil@example.net>")]
    [InlineData("Subject: Other")]
    [InlineData("To: <x@example.net>")]
    [InlineData("Cc: <x@example.net>")]
    [InlineData("Reply-To: <evil@example.net>")]
    [InlineData("Date: Mon, 02 Mar 2026 12:00:00 +0000")]
    [InlineData("Message-ID: <2@example.net>")]
    [InlineData("Content-Type: text/html")]
    [InlineData("Content-Transfer-Encoding: base64")]
    [InlineData("MIME-Version: 1.0")]
    [InlineData("Sender: evil@example.net")]
    public async Task Adding_a_field_that_readers_see_fails(string field)
    {
        var signed = Encoding.Latin1.GetString(DkimData.SignedWith(RsaSigner, DkimData.Message));
        var header = signed.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 2;

        foreach (var forged in (string[])[$"{field}\r\n{signed}", signed.Insert(header, $"{field}\r\n")])
        {
            var result = Assert.Single(await Verifier.VerifyAsync(Encoding.Latin1.GetBytes(forged), default));
            Assert.Equal(DkimVerdict.Fail, result.Verdict);
        }
    }

    [Theory]
    [InlineData("Received: from a by b\r\n", "", "")]
    [InlineData("", "", "\r\n\r\n")]
    [InlineData("", "", " \t\r\n \r\n")]
    [InlineData("X-Spam: no\r\n", "Subject:Your order", "")]
    public async Task What_relays_do_on_the_way_does_no_harm(string before, string subject, string after)
    {
        var signed = Encoding.Latin1.GetString(DkimData.SignedWith(RsaSigner, DkimData.Message));
        signed = subject.Length > 0 ? signed.Replace("Subject:  Your  order", subject, StringComparison.Ordinal) : signed;

        Assert.Equal(DkimVerdict.Pass, Assert.Single(await Verifier.VerifyAsync(Encoding.Latin1.GetBytes(before + signed + after), default)).Verdict);
    }

    [Theory]
    [InlineData("From: a@example.com\r\n\r\n")]
    [InlineData("From: a@example.com\r\n")]
    [InlineData("From: a@example.com")]
    [InlineData("From: a@example.com\r\n\r\n \r\n\t\r\n")]
    [InlineData("From: a@example.com\r\n\r\n ")]
    [InlineData("from : \r\n a@example.com \r\n\r\nbody without line end")]
    public async Task Messages_with_little_in_them_pass(string message) =>
        Assert.Equal(DkimVerdict.Pass, Assert.Single(await Verifier.VerifyAsync(DkimData.SignedWith(RsaSigner, Encoding.Latin1.GetBytes(message)), default)).Verdict);

    [Fact]
    public async Task A_header_of_many_fields_is_signed()
    {
        var message = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Range(0, 300).Select(i => $"X-{i}: {i}\r\n")) + "From: a@example.com\r\n\r\nHi\r\n");
        Assert.Equal(DkimVerdict.Pass, Assert.Single(await Verifier.VerifyAsync(DkimData.SignedWith(RsaSigner, message), default)).Verdict);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\r\n\r\n")]
    [InlineData("To: a@example.com\r\n\r\nFrom: b@example.com\r\n")]
    public void A_message_without_From_is_refused(string message) =>
        Assert.Throws<ArgumentException>(() => RsaSigner.Sign(Encoding.Latin1.GetBytes(message), DkimData.Noon));

    [Theory]
    [InlineData("", "s")]
    [InlineData("example.com", "")]
    [InlineData("exa mple.com", "s")]
    [InlineData("example.com;", "s")]
    [InlineData("example..com", "s")]
    [InlineData("example.com.", "s")]
    [InlineData("example.com", "s\r\nBcc: x")]
    [InlineData("ex\u00e4mple.com", "s")]
    public void Names_that_DNS_cannot_hold_are_refused(string domain, string selector) =>
        Assert.Throws<ArgumentException>(() => new DkimSigner(domain, selector, Rsa));

    [Fact]
    public async Task Many_threads_sign_at_once()
    {
        var signer = RsaSigner;
        var expected = signer.Sign(DkimData.Message, DkimData.Noon);
        await Parallel.ForAsync(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, (_, _) =>
        {
            Assert.Equal(expected, signer.Sign(DkimData.Message, DkimData.Noon));
            return ValueTask.CompletedTask;
        });
    }

    private static string Tag(string field, string name) =>
        string.Concat(field.Split(';').Single(tag => tag.Trim().StartsWith($"{name}=", StringComparison.Ordinal)).Trim()[(name.Length + 1)..].Where(c => !char.IsWhiteSpace(c)));

    /// <summary>Case of a field's name, and which white space it is, do not count.</summary>
    private static bool IsSameWhenRelaxed(byte[] before, int at, byte after) =>
        (before[at] == ' ' && after == '\t') || (before[at] == '\t' && after == ' ');
}
