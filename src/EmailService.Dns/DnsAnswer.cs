namespace EmailService.Dns;

/// <summary>What a query came to. A failure of DNS is a value of this type, never an exception.</summary>
/// <param name="Status">Found, or which of the four kinds of "no".</param>
/// <param name="Name">The name asked for, in lower case without a trailing dot.</param>
/// <param name="Type">The type asked for.</param>
/// <param name="Records">The records of that type at <paramref name="CanonicalName"/>; empty unless found. Never holds aliases
/// unless <see cref="DnsType.Cname"/> was asked for.</param>
/// <param name="Authenticated">
/// The server set the AD bit on every message that this answer was read from: it says that it validated them with DNSSEC
/// (RFC 4035 §3.2.3). That is its word, carried in clear; it is worth something only when the server is trusted and so is the path
/// to it, which in practice means a validating resolver on the same host (RFC 6698 §8.3).
/// </param>
/// <param name="CanonicalName">The end of the alias chain; <paramref name="Name"/> if it is no alias.</param>
/// <param name="ExpiresAt">When the answer stops being true: the shortest time to live of what was read, within the resolver's bounds.
/// Not after the time of the answer if it may not be kept.</param>
/// <param name="Detail">One line for an operator: which server said what, and in how long. It has the servers' addresses.</param>
public sealed record DnsAnswer(
    DnsStatus Status,
    string Name,
    DnsType Type,
    IReadOnlyList<DnsRecord> Records,
    bool Authenticated,
    string CanonicalName,
    DateTimeOffset ExpiresAt,
    string Detail)
{
    /// <summary>The same for whoever is not told which name servers we ask: they are numbered as they were asked, "resolver 1" and so on.</summary>
    public string Reason { get; init; } = Detail;

    /// <summary>
    /// Whether the domain says that it takes no mail: its only MX names the root (RFC 7505 §3). The preference, which should be
    /// zero, is not looked at.
    /// </summary>
    public bool IsNullMx => Records is [MxRecord { Exchange.Length: 0 }];
}
