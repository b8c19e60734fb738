using System.Formats.Asn1;
using System.Security.Cryptography;

namespace EmailService.Mime.Dkim;

/// <summary>A private key that signs, and the public half as it goes into DNS. Any number of threads may sign at once.</summary>
public sealed class DkimKey : IDisposable
{
    // RFC 8410 §7: PrivateKeyInfo of version 0, the algorithm 1.3.101.112, and the seed in an OCTET STRING of its own.
    private const string Ed25519Oid = "1.3.101.112";
    private static readonly byte[] Ed25519Prefix = Convert.FromHexString("302e020100300506032b657004220420");

    private readonly RsaPool? rsa;
    private readonly Libcrypto.KeyHandle? ed25519;
    private readonly byte[]? seed;

    private DkimKey(RsaPool rsa)
    {
        this.rsa = rsa;
        Algorithm = DkimAlgorithm.RsaSha256;
        PublicKey = rsa.PublicKey;
        Bits = rsa.KeySize;
    }

    private DkimKey(byte[] seed)
    {
        this.seed = seed;
        ed25519 = Ed25519.PrivateKey(seed);
        Algorithm = DkimAlgorithm.Ed25519Sha256;
        PublicKey = Ed25519.PublicKey(ed25519);
        Bits = 256;
    }

    /// <summary>Which signatures this key makes.</summary>
    public DkimAlgorithm Algorithm { get; }

    /// <summary>Size of the key in bits: the modulus of RSA, 256 for Ed25519.</summary>
    public int Bits { get; }

    /// <summary>The public key as DNS has it, before base64: for RSA the DER SubjectPublicKeyInfo (RFC 6376 §3.6.1
    /// with erratum 3017), for Ed25519 the 32 octets (RFC 8463 §4).</summary>
    public byte[] PublicKey { get; }

    /// <summary>The TXT record to publish at <c>selector._domainkey.domain</c>, as one text. RFC 6376 §3.6.1.</summary>
    public string DnsRecord => $"v=DKIM1; k={(Algorithm == DkimAlgorithm.RsaSha256 ? "rsa" : "ed25519")}; p={Convert.ToBase64String(PublicKey)}";

    /// <summary>The same record cut into strings of at most 255 octets, all that one string of a TXT record holds.
    /// Readers join them without anything between. RFC 6376 §3.6.2.2, RFC 1035 §3.3.</summary>
    public IReadOnlyList<string> DnsStrings => [.. DnsRecord.Chunk(255).Select(part => new string(part))];

    /// <summary>Largest signature this key makes, in octets.</summary>
    internal int SignatureSize => rsa is null ? Ed25519.SignatureSize : (Bits + 7) / 8;

    /// <summary>Makes a new key pair.</summary>
    /// <param name="algorithm">Kind of key.</param>
    /// <param name="rsaBits">Size of an RSA key, 1024 to 4096; RFC 8301 §3.2 asks for 2048 or more. Not used for Ed25519.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is outside what RFC 8301 lets receivers check.</exception>
    /// <exception cref="PlatformNotSupportedException">Ed25519 is asked for and <see cref="Ed25519.IsSupported"/> is false.</exception>
    public static DkimKey Generate(DkimAlgorithm algorithm, int rsaBits = 2048)
    {
        if (algorithm == DkimAlgorithm.Ed25519Sha256)
        {
            return new DkimKey(RandomNumberGenerator.GetBytes(Ed25519.KeySize));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(rsaBits, 1024);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rsaBits, 4096);
        return new DkimKey(new RsaPool(RSA.Create(rsaBits)));
    }

    /// <summary>Reads a private key in PKCS #8 DER (PrivateKeyInfo, RFC 5958), RSA or Ed25519 (RFC 8410).</summary>
    /// <param name="pkcs8">The octets, not encrypted and not PEM.</param>
    /// <exception cref="CryptographicException">Not such a key, or an RSA key of less than 1024 bits (RFC 8301 §3.2).</exception>
    /// <exception cref="PlatformNotSupportedException">An Ed25519 key, and <see cref="Ed25519.IsSupported"/> is false.</exception>
    public static DkimKey FromPkcs8(ReadOnlySpan<byte> pkcs8)
    {
        if (TryReadEd25519(pkcs8, out var seed))
        {
            return new DkimKey(seed);
        }

        var rsa = RSA.Create();
        try
        {
            rsa.ImportPkcs8PrivateKey(pkcs8, out _);
            return rsa.KeySize >= 1024
                ? new DkimKey(new RsaPool(rsa))
                : throw new CryptographicException($"The RSA key has {rsa.KeySize} bits; receivers refuse fewer than 1024 (RFC 8301), use 2048");
        }
        catch
        {
            rsa.Dispose();
            throw;
        }
    }

    /// <summary>The private key in PKCS #8 DER, not encrypted: keep it secret.</summary>
    public byte[] ExportPkcs8()
    {
        if (rsa is not null)
        {
            return rsa.ExportPkcs8();
        }

        ObjectDisposedException.ThrowIf(ed25519!.IsClosed, this);
        return [.. Ed25519Prefix, .. seed!];
    }

    /// <summary>Forgets the private key. A signature being made on another thread is finished first.</summary>
    public void Dispose()
    {
        rsa?.Dispose();
        ed25519?.Dispose();
        CryptographicOperations.ZeroMemory(seed);
    }

    /// <summary>Signs the SHA-256 of the signed header fields; Ed25519 signs that digest as its message (RFC 8463 §3).</summary>
    internal int SignHash(ReadOnlySpan<byte> hash, Span<byte> signature) =>
        rsa is not null ? rsa.Sign(hash, signature) : Ed25519.Sign(ed25519!, hash, signature);

    private static bool TryReadEd25519(ReadOnlySpan<byte> pkcs8, out byte[] seed)
    {
        seed = [];
        try
        {
            var info = new AsnReader(pkcs8.ToArray(), AsnEncodingRules.DER).ReadSequence();
            info.ReadInteger();
            if (info.ReadSequence().ReadObjectIdentifier() != Ed25519Oid)
            {
                return false;
            }

            seed = new AsnReader(info.ReadOctetString(), AsnEncodingRules.DER).ReadOctetString();
            return seed.Length == Ed25519.KeySize;
        }
        catch (AsnContentException)
        {
            return false;
        }
    }
}
