namespace EmailService.Dns;

/// <summary>The record types that this library reads (RFC 1035 §3.2.2, RFC 3596 §2.1, RFC 6698 §7.1).</summary>
public enum DnsType : ushort
{
    /// <summary>An IPv4 address (RFC 1035 §3.4.1).</summary>
    A = 1,

    /// <summary>A name server of a zone (RFC 1035 §3.3.11).</summary>
    Ns = 2,

    /// <summary>The name that this name is an alias of (RFC 1035 §3.3.1).</summary>
    Cname = 5,

    /// <summary>The start of a zone; in a negative answer it says how long "no" holds (RFC 2308 §3).</summary>
    Soa = 6,

    /// <summary>A pointer to a name, used for address to name (RFC 1035 §3.3.12).</summary>
    Ptr = 12,

    /// <summary>A mail host of a domain (RFC 1035 §3.3.9, RFC 5321 §5.1).</summary>
    Mx = 15,

    /// <summary>Text strings (RFC 1035 §3.3.14).</summary>
    Txt = 16,

    /// <summary>An IPv6 address (RFC 3596 §2.2).</summary>
    Aaaa = 28,

    /// <summary>A certificate association for DANE (RFC 6698 §2).</summary>
    Tlsa = 52,
}
