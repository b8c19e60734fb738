using System.Net;

namespace EmailService.Dns;

/// <summary>One resource record. Names are lower case without a trailing dot; the root is the empty string.</summary>
/// <param name="Name">The owner of the record.</param>
/// <param name="TimeToLive">The time to live as the server sent it; it does not count down while cached.</param>
public abstract record DnsRecord(string Name, TimeSpan TimeToLive)
{
    /// <summary>The wire type of this record.</summary>
    public abstract DnsType Type { get; }
}

/// <summary>An IPv4 or IPv6 address (RFC 1035 §3.4.1, RFC 3596 §2.2).</summary>
/// <param name="Name">The owner of the record.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Address">The address; its family says whether the record is A or AAAA.</param>
public sealed record AddressRecord(string Name, TimeSpan TimeToLive, IPAddress Address) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type =>
        Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? DnsType.Aaaa : DnsType.A;
}

/// <summary>A mail host (RFC 1035 §3.3.9).</summary>
/// <param name="Name">The owner of the record.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Preference">Lower is tried first, 0 to 65535.</param>
/// <param name="Exchange">The host's name; empty is the root, the "null MX" of RFC 7505 §3: this domain takes no mail.</param>
public sealed record MxRecord(string Name, TimeSpan TimeToLive, int Preference, string Exchange) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Mx;
}

/// <summary>Text (RFC 1035 §3.3.14).</summary>
/// <param name="Name">The owner of the record.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Text">The record's strings joined without a separator, one character for each octet (Latin-1).</param>
public sealed record TxtRecord(string Name, TimeSpan TimeToLive, string Text) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Txt;
}

/// <summary>An alias (RFC 1035 §3.3.1). Only given for a query of type CNAME; for others the chain is followed.</summary>
/// <param name="Name">The alias.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Target">The name it stands for.</param>
public sealed record CnameRecord(string Name, TimeSpan TimeToLive, string Target) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Cname;
}

/// <summary>A name server (RFC 1035 §3.3.11).</summary>
/// <param name="Name">The zone.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Host">The name of the server.</param>
public sealed record NsRecord(string Name, TimeSpan TimeToLive, string Host) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Ns;
}

/// <summary>A pointer from an address to a name (RFC 1035 §3.3.12); see <see cref="DnsResolver.ReverseName"/>.</summary>
/// <param name="Name">The reverse name.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Target">The name that the address is said to have.</param>
public sealed record PtrRecord(string Name, TimeSpan TimeToLive, string Target) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Ptr;
}

/// <summary>A certificate association (RFC 6698 §2.1). Worth something only in an answer that is authenticated.</summary>
/// <param name="Name">The owner, such as <c>_25._tcp.mx.example.com</c>.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="Usage">Certificate usage (RFC 6698 §2.1.1).</param>
/// <param name="Selector">Selector (RFC 6698 §2.1.2).</param>
/// <param name="MatchingType">Matching type (RFC 6698 §2.1.3).</param>
/// <param name="Data">The certificate association data.</param>
public sealed record TlsaRecord(
    string Name, TimeSpan TimeToLive, byte Usage, byte Selector, byte MatchingType, ReadOnlyMemory<byte> Data)
    : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Tlsa;
}

/// <summary>The start of a zone (RFC 1035 §3.3.13).</summary>
/// <param name="Name">The zone.</param>
/// <param name="TimeToLive">The time to live as the server sent it.</param>
/// <param name="PrimaryServer">MNAME, the primary name server.</param>
/// <param name="Mailbox">RNAME, the mailbox of whoever runs the zone, as a domain name.</param>
/// <param name="Serial">The version of the zone.</param>
/// <param name="Refresh">How often secondaries look for a new version.</param>
/// <param name="Retry">How soon they look again after a failure.</param>
/// <param name="Expire">When they give up on the zone.</param>
/// <param name="Minimum">The upper bound of how long a negative answer may be kept (RFC 2308 §4).</param>
public sealed record SoaRecord(
    string Name, TimeSpan TimeToLive, string PrimaryServer, string Mailbox,
    uint Serial, TimeSpan Refresh, TimeSpan Retry, TimeSpan Expire, TimeSpan Minimum) : DnsRecord(Name, TimeToLive)
{
    /// <inheritdoc/>
    public override DnsType Type => DnsType.Soa;
}
