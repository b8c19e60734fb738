using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>The client's side of SCRAM-SHA-256 without channel binding. RFC 5802, RFC 7677.</summary>
/// <remarks>Three steps in order: <see cref="First"/>, <see cref="TryFinal"/>, <see cref="IsServerProof"/>.</remarks>
internal sealed class ScramSha256(SmtpCredentials credentials, string nonce)
{
    // RFC 7677 §4 wants 4096 and more; what asks for a second of our processor is not asking in good faith.
    private const int MinIterations = 4096;
    private const int MaxIterations = 600_000;
    private const string NoBinding = "n,,";

    private byte[] _serverSignature = [];

    private string FirstBare => $"n={Prepare(credentials.UserName).Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal)},r={nonce}";

    public string First() => NoBinding + FirstBare;

    public static string NewNonce() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));

    /// <summary>What the server sent was no message of SCRAM: it knows the name alone.</summary>
    public bool IsUnknownToServer { get; private set; }

    /// <summary>Answers the server's first message; false with the reason if that makes no sense or asks too much.</summary>
    public bool TryFinal(string serverFirst, out string final, out string? problem)
    {
        final = "";
        var parts = serverFirst.Split(',');
        Span<byte> salt = stackalloc byte[128];
        if (parts.Length < 3 || !parts[0].StartsWith("r=", StringComparison.Ordinal) || !parts[1].StartsWith("s=", StringComparison.Ordinal)
            || !parts[2].StartsWith("i=", StringComparison.Ordinal) || !Convert.TryFromBase64String(parts[1][2..], salt, out var saltLength)
            || !int.TryParse(parts[2].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var iterations))
        {
            IsUnknownToServer = true;
            problem = "a challenge that is not of SCRAM";
            return false;
        }

        var serverNonce = parts[0][2..];
        if (!serverNonce.StartsWith(nonce, StringComparison.Ordinal) || serverNonce.Length == nonce.Length)
        {
            problem = "a nonce that is not made of ours";
            return false;
        }

        if (iterations is < MinIterations or > MaxIterations)
        {
            problem = string.Create(CultureInfo.InvariantCulture, $"{iterations} iterations, expected {MinIterations} to {MaxIterations}");
            return false;
        }

        // RFC 5802 §3
        var withoutProof = $"c={Convert.ToBase64String(Encoding.ASCII.GetBytes(NoBinding))},r={serverNonce}";
        var signed = Encoding.UTF8.GetBytes($"{FirstBare},{serverFirst},{withoutProof}");
        var salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(Prepare(credentials.Password)), salt[..saltLength], iterations, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var proof = HMACSHA256.HashData(salted, "Client Key"u8);
        var signature = HMACSHA256.HashData(SHA256.HashData(proof), signed);
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] ^= signature[i];
        }

        _serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), signed);
        final = $"{withoutProof},p={Convert.ToBase64String(proof)}";
        problem = null;
        return true;
    }

    /// <summary>True if the server's last message proves that it knows our password too.</summary>
    public bool IsServerProof(string serverFinal)
    {
        Span<byte> proof = stackalloc byte[SHA256.HashSizeInBytes];
        return serverFinal.StartsWith("v=", StringComparison.Ordinal)
            && Convert.TryFromBase64String(serverFinal.Split(',')[0][2..], proof, out var length) && length == proof.Length
            && CryptographicOperations.FixedTimeEquals(proof, _serverSignature);
    }

    // RFC 4013 in its main part: compatibility composition. What it forbids is the server's to refuse.
    private static string Prepare(string text) => text.Normalize(NormalizationForm.FormKC);
}
