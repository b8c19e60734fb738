using System.Net.Security;
using System.Security.Authentication;

namespace EmailService.Smtp.Client;

/// <summary>The verdict on a TLS handshake: what was agreed, whom the host proved to be, and why that is enough or not.</summary>
/// <param name="Protocol">The version of TLS.</param>
/// <param name="CipherSuite">The cipher suite.</param>
/// <param name="CertificateSubject">The subject of the host's certificate, or null if it showed none.</param>
/// <param name="IsVerified">True if the certificate proves the host in the way that the policy asks for; for policies that ask for nothing,
/// if a trusted root vouches for it and it has the host's name.</param>
/// <param name="WhyNotVerified">Why not, in a few words, or null.</param>
public sealed record SmtpTlsInfo(
    SslProtocols Protocol,
    TlsCipherSuite CipherSuite,
    string? CertificateSubject,
    bool IsVerified,
    string? WhyNotVerified)
{
    /// <summary>The policy it was held against; <see cref="SmtpTlsPolicy.Name"/>.</summary>
    public string Policy { get; init; } = "opportunistic";

    /// <summary>The DNS names in the certificate, the first 20 of them.</summary>
    public IReadOnlyList<string> CertificateNames { get; init; } = [];

    /// <summary>What the verification rests on: <c>PKIX, mx.example.com</c> or <c>TLSA 3 1 1 8d02536c…</c>; null if not verified.</summary>
    public string? VerifiedBy { get; init; }

    /// <summary>In which way it fell short, also where the policy lets that pass.</summary>
    public SmtpTlsFault Fault { get; init; }

    /// <summary>The version as mail hosts write it: <c>TLSv1.3</c>.</summary>
    public string Version => Protocol switch
    {
        SslProtocols.Tls12 => "TLSv1.2",
        SslProtocols.Tls13 => "TLSv1.3",
        _ => Protocol.ToString(),
    };

    /// <summary>On one line: <c>TLSv1.3 TLS_AES_256_GCM_SHA384, not verified: self-signed</c>.</summary>
    /// <returns>Version, cipher suite, and whether verified.</returns>
    public override string ToString() =>
        IsVerified ? $"{Version} {CipherSuite}, verified ({Policy}: {VerifiedBy})" : $"{Version} {CipherSuite}, not verified: {WhyNotVerified}";
}
