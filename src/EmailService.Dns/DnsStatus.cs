namespace EmailService.Dns;

/// <summary>
/// What came of a query. The four kinds of "no" mean different things to mail: the two that a server
/// vouches for (<see cref="NoData"/>, <see cref="NoSuchDomain"/>) may be acted on, the other two only say "ask again later".
/// </summary>
public enum DnsStatus
{
    /// <summary>There are records of the type asked for.</summary>
    Found,

    /// <summary>The name exists and has no record of this type (RFC 2308 §2.2).</summary>
    NoData,

    /// <summary>The name, or the last name of its alias chain, does not exist (RFC 2308 §2.1, RFC 6604 §3).</summary>
    NoSuchDomain,

    /// <summary>A server answered, and could or would not say: SERVFAIL, REFUSED, a referral, a chain that does not end.</summary>
    ServerFailed,

    /// <summary>No server answered within the deadline, or none could be reached.</summary>
    NoAnswer,
}

/// <summary>The response code of a message, extended by EDNS (RFC 1035 §4.1.1, RFC 6891 §6.1.3).</summary>
public enum DnsResponseCode
{
    /// <summary>No error.</summary>
    NoError = 0,

    /// <summary>FORMERR: the server could not read the query.</summary>
    FormatError = 1,

    /// <summary>SERVFAIL: the server could not find out, or DNSSEC validation failed.</summary>
    ServerFailure = 2,

    /// <summary>NXDOMAIN: the name does not exist.</summary>
    NameError = 3,

    /// <summary>NOTIMP: the server does not do this kind of query.</summary>
    NotImplemented = 4,

    /// <summary>REFUSED: the server does not want to answer us.</summary>
    Refused = 5,

    /// <summary>BADVERS: the server does not know our EDNS version.</summary>
    BadVersion = 16,
}
