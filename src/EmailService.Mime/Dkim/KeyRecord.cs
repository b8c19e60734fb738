using System.Security.Cryptography;
using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>A public key as DNS has it. RFC 6376 §3.6.1, RFC 8463 §4.</summary>
internal sealed class KeyRecord
{
    /// <summary>Longest record that is read; a key of 8192 bits takes 1,500.</summary>
    internal const int MaxOctets = 4096;

    internal DkimAlgorithm Algorithm { get; private init; }

    internal byte[] Key { get; private init; } = [];

    /// <summary>t=y. RFC 6376 §3.6.1.</summary>
    internal bool IsTesting { get; private init; }

    /// <summary>t=s: i= must name the domain itself, nothing below it. RFC 6376 §3.6.1.</summary>
    internal bool IsStrict { get; private init; }

    /// <summary>Reads a record.</summary>
    /// <param name="record">The TXT record, its strings joined.</param>
    /// <param name="key">The key.</param>
    /// <param name="problem">Why there is none.</param>
    internal static bool TryParse(string record, out KeyRecord key, out string problem)
    {
        key = new KeyRecord();
        problem = "the key record is too long";
        if (record.Length > MaxOctets)
        {
            return false;
        }

        Span<TagList.Tag> room = stackalloc TagList.Tag[TagList.MaxTags];
        if (!TagList.TryParse(Encoding.UTF8.GetBytes(record), room, out var tags, out var error))
        {
            problem = $"the key record is not a list of tags: {error}";
            return false;
        }

        problem = Problem(tags, out var octets, out var algorithm);
        tags.TryGet("t"u8, out var flags);
        key = new KeyRecord
        {
            Algorithm = algorithm,
            Key = octets,
            IsTesting = TagList.HasItem(flags, "y"u8),
            IsStrict = TagList.HasItem(flags, "s"u8),
        };
        return problem.Length == 0;
    }

    /// <summary>Checks a signature with this key.</summary>
    /// <param name="hash">SHA-256 of the signed header.</param>
    /// <param name="signature">What b= says.</param>
    /// <param name="bits">Size of the key.</param>
    /// <param name="reason">Why not, if not.</param>
    internal DkimVerdict Verify(ReadOnlySpan<byte> hash, ReadOnlySpan<byte> signature, out int bits, out string reason)
    {
        if (Algorithm == DkimAlgorithm.Ed25519Sha256)
        {
            return VerifyEd25519(hash, signature, out bits, out reason);
        }

        using var rsa = RSA.Create();
        if (!TryImport(rsa, Key))
        {
            bits = 0;
            reason = "p= is no RSA public key";
            return DkimVerdict.PermError;
        }

        // RFC 8301 §3.2: fewer than 1024 bits never count. More than 8192 only cost time.
        bits = rsa.KeySize;
        if (bits is < 1024 or > 8192)
        {
            reason = $"the RSA key has {bits} bits; 1024 to 8192 are accepted (RFC 8301 §3.2)";
            return DkimVerdict.PermError;
        }

        try
        {
            if (rsa.VerifyHash(hash, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))
            {
                reason = "";
                return DkimVerdict.Pass;
            }
        }
        catch (CryptographicException)
        {
            // A modulus or an exponent that OpenSSL will not work with: no signature can match.
        }

        reason = "the signature does not match the signed header fields";
        return DkimVerdict.Fail;
    }

    private DkimVerdict VerifyEd25519(ReadOnlySpan<byte> hash, ReadOnlySpan<byte> signature, out int bits, out string reason)
    {
        bits = 256;
        if (!Ed25519.IsSupported)
        {
            reason = "this machine has no OpenSSL 3 to check Ed25519 with";
            return DkimVerdict.Neutral;
        }

        if (Key.Length != Ed25519.KeySize)
        {
            reason = $"p= has {Key.Length} octets; an Ed25519 key has {Ed25519.KeySize} (RFC 8463 §4)";
            return DkimVerdict.PermError;
        }

        var good = Ed25519.Verify(Key, hash, signature);
        reason = good ? "" : "the signature does not match the signed header fields";
        return good ? DkimVerdict.Pass : DkimVerdict.Fail;
    }

    private static string Problem(TagList tags, out byte[] octets, out DkimAlgorithm algorithm)
    {
        octets = [];
        algorithm = DkimAlgorithm.RsaSha256;
        if (tags.TryGet("v"u8, out var version) && (!version.SequenceEqual("DKIM1"u8) || !tags.FirstName.SequenceEqual("v"u8)))
        {
            return "v= of the key record is not DKIM1 or not first";
        }

        if (tags.TryGet("k"u8, out var kind) && !kind.SequenceEqual("rsa"u8))
        {
            algorithm = DkimAlgorithm.Ed25519Sha256;
            if (!kind.SequenceEqual("ed25519"u8))
            {
                return "k= of the key record names an unknown kind of key";
            }
        }

        if (tags.TryGet("h"u8, out var hashes) && !TagList.HasItem(hashes, "sha256"u8))
        {
            return "h= of the key record does not allow sha256";
        }

        if (tags.TryGet("s"u8, out var services) && !TagList.HasItem(services, "*"u8) && !TagList.HasItem(services, "email"u8))
        {
            return "s= of the key record does not allow email";
        }

        if (!tags.TryGet("p"u8, out var key))
        {
            return "the key record has no p=";
        }

        return key.IsEmpty ? "the key was revoked" : TagList.TryDecode(key, out octets) ? "" : "p= of the key record is no base64";
    }

    /// <summary>SubjectPublicKeyInfo is what everybody publishes; the RSAPublicKey of the RFC's text is read too (erratum 3017).</summary>
    internal static bool TryImport(RSA rsa, byte[] key)
    {
        try
        {
            rsa.ImportSubjectPublicKeyInfo(key, out _);
            return true;
        }
        catch (CryptographicException)
        {
            // Then perhaps the other form.
        }

        try
        {
            rsa.ImportRSAPublicKey(key, out _);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
