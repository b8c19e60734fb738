using System.Security.Cryptography;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

public sealed class KeyTests
{
    [Theory]
    [InlineData(DkimAlgorithm.RsaSha256, 2048, "v=DKIM1; k=rsa; p=MIIBIjANBgkq", 2)]
    [InlineData(DkimAlgorithm.RsaSha256, 1024, "v=DKIM1; k=rsa; p=MIGfMA0GCSqG", 1)]
    [InlineData(DkimAlgorithm.Ed25519Sha256, 0, "v=DKIM1; k=ed25519; p=", 1)]
    public void Record_text_is_cut_into_strings_that_DNS_can_hold(DkimAlgorithm algorithm, int bits, string start, int strings)
    {
        using var key = DkimKey.Generate(algorithm, bits);

        Assert.StartsWith(start, key.DnsRecord, StringComparison.Ordinal);
        Assert.Equal(strings, key.DnsStrings.Count);
        Assert.All(key.DnsStrings, part => Assert.InRange(part.Length, 1, 255));
        Assert.Equal(key.DnsRecord, string.Concat(key.DnsStrings));
    }

    [Theory]
    [InlineData(DkimAlgorithm.RsaSha256)]
    [InlineData(DkimAlgorithm.Ed25519Sha256)]
    public void A_key_comes_back_from_PKCS_8(DkimAlgorithm algorithm)
    {
        using var key = DkimKey.Generate(algorithm);
        using var again = DkimKey.FromPkcs8(key.ExportPkcs8());

        Assert.Equal((key.Algorithm, key.Bits, key.DnsRecord), (again.Algorithm, again.Bits, again.DnsRecord));
        Assert.Equal(
            new DkimSigner("example.com", "s", key).Sign(DkimData.Message, DkimData.Noon),
            new DkimSigner("example.com", "s", again).Sign(DkimData.Message, DkimData.Noon));
    }

    [Theory]
    [InlineData(512)]
    [InlineData(1023)]
    [InlineData(4097)]
    public void A_size_that_receivers_do_not_take_is_not_made(int bits) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => DkimKey.Generate(DkimAlgorithm.RsaSha256, bits));

    [Fact]
    public void What_is_no_key_is_refused()
    {
        Assert.ThrowsAny<CryptographicException>(() => DkimKey.FromPkcs8([]));
        Assert.ThrowsAny<CryptographicException>(() => DkimKey.FromPkcs8("no key"u8));
        Assert.ThrowsAny<CryptographicException>(() => DkimKey.FromPkcs8(Convert.FromHexString("302d020100300506032b65700421041f") .Concat(new byte[31]).ToArray()));
    }

    [Theory]
    [InlineData(DkimAlgorithm.RsaSha256)]
    [InlineData(DkimAlgorithm.Ed25519Sha256)]
    public void A_key_disposed_of_signs_no_more(DkimAlgorithm algorithm)
    {
        var key = DkimKey.Generate(algorithm);
        key.Dispose();

        Assert.Throws<ObjectDisposedException>(() => new DkimSigner("example.com", "s", key).Sign(DkimData.Message, DkimData.Noon));
        Assert.Throws<ObjectDisposedException>(key.ExportPkcs8);
    }
}
