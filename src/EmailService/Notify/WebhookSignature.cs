using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace EmailService.Notify;

/// <summary>SendGrid's signature of a webhook request: ECDSA on P-256 with SHA-256 over the timestamp's digits followed
/// by the body's raw octets, as base64 of the DER sequence of r and s.</summary>
internal static class WebhookSignature
{
    public const string SignatureHeader = "X-Twilio-Email-Event-Webhook-Signature";
    public const string TimestampHeader = "X-Twilio-Email-Event-Webhook-Timestamp";

    /// <summary>PKCS #8 and SubjectPublicKeyInfo.</summary>
    public static (byte[] PrivateKey, byte[] PublicKey) NewKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (key.ExportPkcs8PrivateKey(), key.ExportSubjectPublicKeyInfo());
    }

    public static (string Timestamp, string Signature) Sign(byte[] privateKey, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        var timestamp = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(privateKey, out _);
        return (timestamp, Convert.ToBase64String(key.SignHash(Hash(timestamp, body), DSASignatureFormat.Rfc3279DerSequence)));
    }

    /// <summary>What a receiver does.</summary>
    public static bool Verify(byte[] publicKey, string timestamp, ReadOnlySpan<byte> body, string signature)
    {
        var der = new byte[signature.Length];
        if (!Convert.TryFromBase64String(signature, der, out var length))
        {
            return false;
        }

        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(publicKey, out _);
        return key.VerifyHash(Hash(timestamp, body), der.AsSpan(0, length), DSASignatureFormat.Rfc3279DerSequence);
    }

    private static byte[] Hash(string timestamp, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(timestamp));
        hash.AppendData(body);
        return hash.GetHashAndReset();
    }
}
