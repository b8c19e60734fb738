namespace EmailService.Messages;

/// <summary>Whose policy a session was held to. RFC 8460 §4.4, policy-type.</summary>
public enum TlsPolicyType
{
    NoneFound,
    Sts,
    Tlsa,
}

/// <summary>In which way a session fell short of the policy. RFC 8460 §4.3; of its names only <c>dane-required</c> is missing, because nothing here
/// can be set to insist on DANE.</summary>
public enum TlsResultType
{
    StartTlsNotSupported,
    CertificateHostMismatch,
    CertificateExpired,
    CertificateNotTrusted,
    ValidationFailure,
    TlsaInvalid,
    DnssecInvalid,
    StsPolicyFetchError,
    StsPolicyInvalid,
    StsWebPkiInvalid,
}

/// <summary>A recipient domain's own TLS policy as it was applied to a session. RFC 8460 §4.4.</summary>
/// <param name="Domain">Where the policy stands: the recipient's domain, or the TLSA base domain (RFC 8460 §1.1).</param>
/// <param name="Text">The policy's lines or its TLSA records, one a line; empty if there is none or it could not be had.</param>
/// <param name="MxHosts">The MX patterns of an MTA-STS policy, one a line.</param>
public sealed record AppliedTlsPolicy(TlsPolicyType Type, string Domain, string Text = "", string MxHosts = "");

/// <summary>Why a session counts as failed.</summary>
/// <param name="Reason">In words, for the recipient's postmaster.</param>
public sealed record TlsFailure(TlsResultType Type, string? SendingAddress, string? MailHost, string? ReceivingAddress, string? Reason);

/// <summary>What a session is counted as in the reports to its recipient's domain. RFC 8460 §4.3.</summary>
/// <param name="Domain">The recipient's.</param>
/// <param name="Failure">Null: TLS was agreed on, and the policy met.</param>
public sealed record TlsSession(string Domain, AppliedTlsPolicy Policy, TlsFailure? Failure);
