using System.Text;
using System.Text.Json;
using EmailService.Notify;

namespace EmailService.Tests.Notify;

public sealed class WebhookSignatureTests
{
    [Fact]
    public void SendGrids_published_signatures_verify_and_the_forged_ones_do_not()
    {
        using var vectors = JsonDocument.Parse(File.ReadAllBytes(
            Path.Combine(AppContext.BaseDirectory, "Data", "webhooks", "sendgrid-eventwebhook", "vectors.json")));
        Assert.Equal(WebhookSignature.SignatureHeader, vectors.RootElement.GetProperty("signature_header").GetString());
        Assert.Equal(WebhookSignature.TimestampHeader, vectors.RootElement.GetProperty("timestamp_header").GetString());
        foreach (var vector in vectors.RootElement.GetProperty("cases").EnumerateArray())
        {
            var valid = WebhookSignature.Verify(
                Convert.FromBase64String(vector.GetProperty("public_key").GetString()!),
                vector.GetProperty("timestamp").GetString()!,
                Encoding.UTF8.GetBytes(vector.GetProperty("payload").GetString()!),
                vector.GetProperty("signature").GetString()!);

            Assert.True(vector.GetProperty("valid").GetBoolean() == valid, vector.GetProperty("name").GetString());
        }
    }

    [Fact]
    public void What_we_sign_verifies_until_a_bit_changes()
    {
        var (privateKey, publicKey) = WebhookSignature.NewKey();
        var body = "[{}]\r\n"u8.ToArray();
        var (timestamp, signature) = WebhookSignature.Sign(privateKey, DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), body);

        Assert.Equal("1700000000", timestamp);
        Assert.True(WebhookSignature.Verify(publicKey, timestamp, body, signature));
        Assert.False(WebhookSignature.Verify(publicKey, "1700000001", body, signature));
        Assert.False(WebhookSignature.Verify(publicKey, timestamp, body, "not base64"));
        body[0] ^= 1;
        Assert.False(WebhookSignature.Verify(publicKey, timestamp, body, signature));
    }

    [Fact]
    public void A_public_key_is_one_line_that_begins_as_all_P256_keys_do() =>
        Assert.StartsWith("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", Convert.ToBase64String(WebhookSignature.NewKey().PublicKey), StringComparison.Ordinal);
}
