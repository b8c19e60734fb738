namespace EmailService.Smtp.Client;

/// <summary>Whether a session is encrypted, and what the host's certificate must prove.</summary>
public enum SmtpTlsMode
{
    /// <summary>Never, even where it is offered.</summary>
    None,

    /// <summary>Where it is offered, whatever the certificate. A host that offers it and then fails is a
    /// <see cref="SmtpFailureKind.TlsFailed"/>; the caller decides whether to connect again without. RFC 7435.</summary>
    Opportunistic,

    /// <summary>Always, whatever the certificate; a host that does not offer it is a <see cref="SmtpFailureKind.TlsFailed"/>.</summary>
    Required,

    /// <summary>Always, and only with a certificate that a trusted root vouches for and that has one of the names asked for. RFC 8461 §4.1.</summary>
    Verified,

    /// <summary>Always, and only with a certificate that a TLSA record vouches for. RFC 7672.</summary>
    Dane,
}
