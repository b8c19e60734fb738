namespace EmailService.Messages;

/// <summary>What became of one try of one mail host, for one recipient.</summary>
public enum Disposition
{
    Delivered,
    Deferred,
    Bounced,

    /// <summary>The connection died between the final dot and its reply: the host may have taken the message.</summary>
    Unknown,
}

/// <summary>How far a failure reaches: this address; this content or sender; try the next mail host;
/// slow down all that goes there.</summary>
public enum FailureScope
{
    Recipient,
    Message,
    Host,
    Lane,
}

/// <summary>Where a recipient is. The last five are ends; each recipient comes to exactly one of them.</summary>
public enum RecipientState
{
    Queued,
    Leased,
    Delivered,
    Bounced,
    Expired,
    Suppressed,
    Cancelled,
}

/// <summary>What the event log tells. Each change of a recipient's state is one event, written in the
/// transaction of the change.</summary>
public enum EventKind
{
    /// <summary>We answered 202: the message is ours to deliver.</summary>
    Accepted,

    /// <summary>The message was composed and signed, and its first attempt was made.</summary>
    Processed,

    /// <summary>An attempt failed for now; another follows.</summary>
    Deferred,

    /// <summary>An attempt ended between the final dot and its reply; nobody can say whether the host took the message.</summary>
    Unknown,
    Delivered,
    Bounced,
    Expired,
    Suppressed,
    Cancelled,

    /// <summary>About a sender's domain, not a message: its DNS records are missing or wrong, since this check.</summary>
    DomainFailing,

    /// <summary>That went on for three days: the domain is no longer verified, and its mail is refused.</summary>
    DomainUnverified,
}

/// <summary>What to do when an outcome is unknown: rather twice than never, or rather never than twice.</summary>
public enum OnUnknown
{
    Retry,
    Stop,
}

/// <summary>Which of two kinds of mail a message is. In a lane the first goes ahead of the second, which always keeps a part.
/// The numbers are those of <c>outbox.priority</c>.</summary>
public enum MailStream
{
    /// <summary>Somebody waits for it: a password reset, a receipt.</summary>
    Transactional = 0,

    /// <summary>One text to many.</summary>
    Bulk = 1,
}

/// <summary>The spellings of our enums in SQL and JSON: one word, one thing.</summary>
public static class Names
{
    public static string ToName(this Disposition value) => value switch
    {
        Disposition.Delivered => "delivered",
        Disposition.Deferred => "deferred",
        Disposition.Bounced => "bounced",
        Disposition.Unknown => "unknown",
    };

    public static string ToName(this FailureScope value) => value switch
    {
        FailureScope.Recipient => "recipient",
        FailureScope.Message => "message",
        FailureScope.Host => "host",
        FailureScope.Lane => "lane",
    };

    public static string ToName(this RecipientState value) => value switch
    {
        RecipientState.Queued => "queued",
        RecipientState.Leased => "leased",
        RecipientState.Delivered => "delivered",
        RecipientState.Bounced => "bounced",
        RecipientState.Expired => "expired",
        RecipientState.Suppressed => "suppressed",
        RecipientState.Cancelled => "cancelled",
    };

    public static string ToName(this EventKind value) => value switch
    {
        EventKind.Accepted => "accepted",
        EventKind.Processed => "processed",
        EventKind.Deferred => "deferred",
        EventKind.Unknown => "unknown",
        EventKind.Delivered => "delivered",
        EventKind.Bounced => "bounced",
        EventKind.Expired => "expired",
        EventKind.Suppressed => "suppressed",
        EventKind.Cancelled => "cancelled",
        EventKind.DomainFailing => "domain_failing",
        EventKind.DomainUnverified => "domain_unverified",
    };

    /// <summary>Such an event has a sender's domain where others have a message and an address.</summary>
    public static bool IsAboutDomain(this EventKind kind) => kind is EventKind.DomainFailing or EventKind.DomainUnverified;

    public static string ToName(this OnUnknown value) => value switch
    {
        OnUnknown.Retry => "retry",
        OnUnknown.Stop => "stop",
    };

    public static string ToName(this MailStream value) => value switch
    {
        MailStream.Transactional => "transactional",
        MailStream.Bulk => "bulk",
    };

    /// <summary>As RFC 8460 §4.4 spells it.</summary>
    public static string ToName(this TlsPolicyType value) => value switch
    {
        TlsPolicyType.NoneFound => "no-policy-found",
        TlsPolicyType.Sts => "sts",
        TlsPolicyType.Tlsa => "tlsa",
    };

    /// <summary>As RFC 8460 §4.3 spells it.</summary>
    public static string ToName(this TlsResultType value) => value switch
    {
        TlsResultType.StartTlsNotSupported => "starttls-not-supported",
        TlsResultType.CertificateHostMismatch => "certificate-host-mismatch",
        TlsResultType.CertificateExpired => "certificate-expired",
        TlsResultType.CertificateNotTrusted => "certificate-not-trusted",
        TlsResultType.ValidationFailure => "validation-failure",
        TlsResultType.TlsaInvalid => "tlsa-invalid",
        TlsResultType.DnssecInvalid => "dnssec-invalid",
        TlsResultType.StsPolicyFetchError => "sts-policy-fetch-error",
        TlsResultType.StsPolicyInvalid => "sts-policy-invalid",
        TlsResultType.StsWebPkiInvalid => "sts-webpki-invalid",
    };

    public static bool TryParseEventKind(string? name, out EventKind kind) =>
        ByName.EventKinds.TryGetValue(name ?? "", out kind);

    public static bool TryParseOnUnknown(string? name, out OnUnknown value) =>
        ByName.OnUnknowns.TryGetValue(name ?? "", out value);

    public static bool TryParseStream(string? name, out MailStream value) =>
        ByName.Streams.TryGetValue(name ?? "", out value);

    /// <summary>For what we have written ourselves.</summary>
    public static TlsPolicyType ParseTlsPolicyType(string name) => ByName.TlsPolicyTypes[name];

    /// <summary>For what we have written ourselves.</summary>
    public static TlsResultType ParseTlsResultType(string name) => ByName.TlsResultTypes[name];

    private static class ByName
    {
        public static readonly Dictionary<string, TlsPolicyType> TlsPolicyTypes = Enum.GetValues<TlsPolicyType>().ToDictionary(ToName);
        public static readonly Dictionary<string, TlsResultType> TlsResultTypes = Enum.GetValues<TlsResultType>().ToDictionary(ToName);
        public static readonly Dictionary<string, EventKind> EventKinds = Enum.GetValues<EventKind>().ToDictionary(ToName);
        public static readonly Dictionary<string, OnUnknown> OnUnknowns = Enum.GetValues<OnUnknown>().ToDictionary(ToName);
        public static readonly Dictionary<string, MailStream> Streams = Enum.GetValues<MailStream>().ToDictionary(ToName);
    }
}
