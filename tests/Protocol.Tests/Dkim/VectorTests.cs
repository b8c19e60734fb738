using System.Security.Cryptography;
using System.Text;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

public sealed class VectorTests
{
    [Fact]
    public async Task Both_signatures_of_RFC_8463_pass()
    {
        Assert.True(Ed25519.IsSupported);
        var keys = new FixedKeys();
        foreach (var vector in DkimData.Json("rfc8463/vectors.json").GetProperty("signatures").EnumerateArray())
        {
            keys.With(vector.GetProperty("record_name").GetString()!, vector.GetProperty("record_value").GetString()!);
        }

        var results = await new DkimVerifier(keys, TimeProvider.System).VerifyAsync(DkimData.Crlf(DkimData.Bytes("rfc8463/signed.eml")), default);

        Assert.Equal([DkimVerdict.Pass, DkimVerdict.Pass], results.Select(result => result.Verdict));
        Assert.Equal(["ed25519-sha256", "rsa-sha256"], results.Select(result => result.Algorithm));
        Assert.Equal([256, 1024], results.Select(result => result.KeyBits));
    }

    [Fact]
    public void Keys_of_RFC_8463_sign_its_octets_as_published()
    {
        foreach (var vector in DkimData.Json("rfc8463/vectors.json").GetProperty("signatures").EnumerateArray())
        {
            using var key = vector.TryGetProperty("private_key_seed_base64", out var seed)
                ? DkimKey.FromPkcs8([.. Convert.FromHexString("302e020100300506032b657004220420"), .. seed.GetBytesFromBase64()])
                : DkimData.KeyFromPem("rfc8463/private-rsa.key");
            var hash = SHA256.HashData(Encoding.Latin1.GetBytes(vector.GetProperty("signed_data").GetString()!));
            var signature = new byte[key.SignatureSize];

            Assert.Equal(vector.GetProperty("signed_data_sha256_base64").GetString(), Convert.ToBase64String(hash));
            Assert.Equal(signature.Length, key.SignHash(hash, signature));
            Assert.Equal(vector.GetProperty("signature").GetString(), Convert.ToBase64String(signature));
            Assert.Equal(vector.GetProperty("record_value").GetString(), key.DnsRecord);
        }
    }

    [Theory]
    [InlineData("001.txt")]
    [InlineData("002.txt")]
    [InlineData("003.txt")]
    [InlineData("004.txt")]
    [InlineData("005.txt")]
    [InlineData("006.txt")]
    public async Task Real_messages_pass_and_fail_once_touched(string file)
    {
        var text = Encoding.Latin1.GetString(DkimData.Crlf(DkimData.Bytes($"mail-auth/{file}")));
        var split = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var keys = new FixedKeys();
        foreach (var line in text[..split].Split("\r\n"))
        {
            keys.With(line[..line.IndexOf(' ', StringComparison.Ordinal)], line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
        }

        var message = text[(split + 4)..];
        var verifier = new DkimVerifier(keys, new StoppedClock(DateTimeOffset.FromUnixTimeSeconds(1_600_000_000)));
        var results = await verifier.VerifyAsync(Encoding.Latin1.GetBytes(message), default);

        Assert.Equal(
            DkimData.Json("mail-auth/expected.json").GetProperty(file).EnumerateArray().Select(row => (DkimVerdict.Pass, row.GetProperty("domain").GetString(), row.GetProperty("selector").GetString())),
            results.Select(result => (result.Verdict, result.Domain, result.Selector)));
        foreach (var result in await verifier.VerifyAsync(Encoding.Latin1.GetBytes(message.TrimEnd() + "."), default))
        {
            Assert.Equal(DkimVerdict.Fail, result.Verdict);
        }
    }

    [Fact]
    public async Task A_signature_past_its_expiry_does_not_count()
    {
        var text = Encoding.Latin1.GetString(DkimData.Crlf(DkimData.Bytes("mail-auth/005.txt")));
        var record = text[..text.IndexOf("\r\n", StringComparison.Ordinal)].Split(' ', 2);
        var message = Encoding.Latin1.GetBytes(text[(text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        var keys = new FixedKeys().With(record[0], record[1]);
        var last = DateTimeOffset.FromUnixTimeSeconds(1_667_930_064);

        Assert.Equal(DkimVerdict.Pass, Assert.Single(await new DkimVerifier(keys, new StoppedClock(last)).VerifyAsync(message, default)).Verdict);
        var late = Assert.Single(await new DkimVerifier(keys, new StoppedClock(last.AddSeconds(1))).VerifyAsync(message, default));
        Assert.Equal((DkimVerdict.PermError, "the signature has expired (x=)"), (late.Verdict, late.Reason));
    }

    [Theory]
    [InlineData("gmail.msg")]
    [InlineData("related.msg")]
    [InlineData("multipart-no-end-boundary.msg")]
    public async Task Messages_signed_by_Gmail_pass(string file)
    {
        var expected = DkimData.Json("mimekit/expected.json");
        var keys = new FixedKeys();
        foreach (var record in expected.GetProperty("records").EnumerateObject())
        {
            keys.With(record.Name, record.Value.GetString()!);
        }

        var results = await new DkimVerifier(keys, TimeProvider.System).VerifyAsync(DkimData.Crlf(DkimData.Bytes($"mimekit/{file}")), default);

        Assert.Equal(DkimVerdict.Pass, Assert.Single(results).Verdict);
    }

    [Theory]
    [InlineData("mailauth/private-rsa.pem", "mailauth/public-rsa.pem")]
    [InlineData("mimekit/example.pem", "mimekit/example.pub")]
    public void Public_half_of_a_key_is_the_published_one(string privateFile, string publicFile)
    {
        using var key = DkimData.KeyFromPem(privateFile);
        using var published = RSA.Create();
        published.ImportFromPem(DkimData.Text(publicFile));

        Assert.Equal(published.ExportSubjectPublicKeyInfo(), key.PublicKey);
    }

    [Fact]
    public void Ed25519_key_from_PEM_has_the_published_public_half()
    {
        using var key = DkimData.KeyFromPem("mailauth/private-ed25519.pem");
        var pem = string.Concat(DkimData.Text("mailauth/public-ed25519.pem").Split('\n').Where(line => !line.StartsWith('-')));

        Assert.Equal(Convert.FromBase64String(pem)[^32..], key.PublicKey);
    }

    [Fact]
    public void RSA_key_of_512_bits_is_refused_for_signing()
    {
        var refused = Assert.Throws<CryptographicException>(() => DkimData.KeyFromPem("mailauth/private-small.pem"));
        Assert.Contains("512 bits", refused.Message, StringComparison.Ordinal);
    }
}
