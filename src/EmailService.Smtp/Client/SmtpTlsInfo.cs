using System.Net.Security;
using System.Security.Authentication;

namespace EmailService.Smtp.Client;

/// <summary>What a TLS handshake came to.</summary>
/// <param name="Protocol">The version of TLS.</param>
/// <param name="CipherSuite">The cipher suite.</param>
/// <param name="CertificateSubject">The subject of the host's certificate, or null if it showed none.</param>
/// <param name="IsVerified">True if the certificate is trusted by the system and made out to the host name.</param>
/// <param name="WhyNotVerified">Why not, in a few words, or null.</param>
public sealed record SmtpTlsInfo(
    SslProtocols Protocol,
    TlsCipherSuite CipherSuite,
    string? CertificateSubject,
    bool IsVerified,
    string? WhyNotVerified)
{
    /// <summary>On one line: <c>TLSv1.3 TLS_AES_256_GCM_SHA384, not verified: self-signed</c>.</summary>
    /// <returns>Version, cipher suite, and whether verified.</returns>
    public override string ToString() =>
        IsVerified ? $"{Version} {CipherSuite}, verified" : $"{Version} {CipherSuite}, not verified: {WhyNotVerified}";

    // As mail hosts write it, not as the platform's enum does.
    private string Version => Protocol switch
    {
        SslProtocols.Tls12 => "TLSv1.2",
        SslProtocols.Tls13 => "TLSv1.3",
        _ => Protocol.ToString(),
    };
}
