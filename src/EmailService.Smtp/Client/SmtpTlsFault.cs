namespace EmailService.Smtp.Client;

/// <summary>In which way TLS fell short of what was asked. The names in RFC 8460 §4.3 are given with each.</summary>
public enum SmtpTlsFault
{
    /// <summary>It did not.</summary>
    None,

    /// <summary>STARTTLS was not offered, or refused: <c>starttls-not-supported</c>.</summary>
    NotOffered,

    /// <summary>The handshake itself failed: <c>validation-failure</c>.</summary>
    HandshakeFailed,

    /// <summary>No trusted root vouches for the certificate: <c>certificate-not-trusted</c>.</summary>
    NotTrusted,

    /// <summary>The certificate is not valid yet, or not any more: <c>certificate-expired</c>.</summary>
    Expired,

    /// <summary>The certificate has none of the names: <c>certificate-host-mismatch</c>.</summary>
    WrongName,

    /// <summary>No TLSA record matches: <c>validation-failure</c>.</summary>
    TlsaMismatch,

    /// <summary>There are TLSA records, and none that SMTP can use: <c>tlsa-invalid</c>. Encrypted, and not authenticated.</summary>
    TlsaUnusable,
}
