namespace EmailService.Smtp.Client;

/// <summary>Whether a session uses STARTTLS. RFC 3207.</summary>
public enum SmtpTlsMode
{
    /// <summary>Never, even where it is offered.</summary>
    None,

    /// <summary>Where it is offered, whatever the certificate. A host that offers it and then fails is a
    /// <see cref="SmtpFailureKind.TlsFailed"/>; the caller decides whether to connect again without. RFC 7435.</summary>
    Opportunistic,

    /// <summary>Always, whatever the certificate; a host that does not offer it is a <see cref="SmtpFailureKind.TlsFailed"/>.</summary>
    Required,

    /// <summary>Always, and only with a certificate that the system trusts for the host name.</summary>
    Verified,
}
