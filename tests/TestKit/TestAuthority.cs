using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.TestKit;

/// <summary>A certificate authority of a test's own: roots, authorities under them, and hosts' certificates.</summary>
public sealed class TestAuthority : IDisposable
{
    private static readonly TimeProvider Clock = TimeProvider.System;
    private readonly ECDsa _key;

    private TestAuthority(X509Certificate2 certificate, ECDsa key)
    {
        Certificate = certificate;
        _key = key;
    }

    /// <summary>The authority's own certificate, without its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>A self-signed root.</summary>
    public static TestAuthority CreateRoot(string name = "Test Root", DateTimeOffset? notAfter = null)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(name, key, isAuthority: true);
        using var certificate = request.CreateSelfSigned(Clock.GetUtcNow().AddYears(-2), notAfter ?? Clock.GetUtcNow().AddYears(5));
        return new TestAuthority(X509CertificateLoader.LoadCertificate(certificate.RawData), key);
    }

    /// <summary>An authority under this one.</summary>
    public TestAuthority CreateAuthority(string name = "Test Authority")
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new TestAuthority(Sign(Request(name, key, isAuthority: true), null), key);
    }

    /// <summary>A host's certificate with these DNS names, and with its key.</summary>
    /// <param name="names">The names in the subject alternative name; none for a certificate without that extension.</param>
    /// <param name="commonName">The subject; the first name if not given.</param>
    /// <param name="notAfter">When it ends; a year from now if not given.</param>
    public X509Certificate2 Issue(IReadOnlyList<string> names, string? commonName = null, DateTimeOffset? notAfter = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(commonName ?? names[0], key, isAuthority: false);
        if (names.Count > 0)
        {
            var alternative = new SubjectAlternativeNameBuilder();
            foreach (var name in names)
            {
                if (IPAddress.TryParse(name, out var address))
                {
                    alternative.AddIpAddress(address);
                }
                else
                {
                    alternative.AddDnsName(name);
                }
            }

            request.CertificateExtensions.Add(alternative.Build());
        }

        using var certificate = Sign(request, notAfter);
        using var withKey = certificate.CopyWithPrivateKey(key);

        // Through PKCS #12, because some platforms want the key in a store of their own.
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>A host's certificate that is no authority, and its key.</summary>
    public (X509Certificate2 Certificate, ECDsa Key) IssueWithKey(string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (Sign(Request(name, key, isAuthority: false), null), key);
    }

    /// <summary>Signs with any certificate as if it were an authority.</summary>
    public static TestAuthority Pretend(X509Certificate2 certificate, ECDsa key) => new(X509CertificateLoader.LoadCertificate(certificate.RawData), key);

    /// <summary>The data of a TLSA record for a certificate.</summary>
    public static byte[] Association(X509Certificate2 certificate, byte selector, byte matchingType)
    {
        var part = selector == 0 ? certificate.RawData : certificate.PublicKey.ExportSubjectPublicKeyInfo();
        return matchingType switch
        {
            0 => part,
            1 => SHA256.HashData(part),
            2 => SHA512.HashData(part),
            _ => throw new ArgumentOutOfRangeException(nameof(matchingType)),
        };
    }

    public void Dispose()
    {
        Certificate.Dispose();
        _key.Dispose();
    }

    private X509Certificate2 Sign(CertificateRequest request, DateTimeOffset? notAfter)
    {
        var serial = RandomNumberGenerator.GetBytes(8);
        serial[0] &= 0x7F;
        return request.Create(
            Certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), Clock.GetUtcNow().AddYears(-1), notAfter ?? Clock.GetUtcNow().AddYears(1), serial);
    }

    private static CertificateRequest Request(string name, ECDsa key, bool isAuthority)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            isAuthority ? X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign : X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }
}
