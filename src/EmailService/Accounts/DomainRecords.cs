namespace EmailService.Accounts;

/// <summary>One DNS record to publish, and what was found in its place.</summary>
/// <param name="Purpose">dkim, spf, mx or dmarc.</param>
/// <param name="Type">TXT or MX.</param>
/// <param name="Name">Where, in full.</param>
/// <param name="Expected">What to publish. A TXT record longer than 255 characters is cut into strings by most DNS panels.</param>
/// <param name="Required">Without it the domain is not verified.</param>
/// <param name="Why">What it is good for.</param>
public sealed record DomainRecord(string Purpose, string Type, string Name, string Expected, bool Required, string Why)
{
    /// <summary>What DNS has there; empty before the first check.</summary>
    public IReadOnlyList<string> Found { get; init; } = [];

    /// <summary>Null before the first check, or when DNS gave no answer.</summary>
    public bool? Ok { get; init; }

    /// <summary>Null when it is good.</summary>
    public string? WhatToDo { get; init; }
}

/// <summary>Which records a domain needs.</summary>
public static class DomainRecords
{
    /// <param name="domain">The domain.</param>
    /// <param name="hostName">Our public host name: it receives the bounces, and it is the one that connects.</param>
    public static IReadOnlyList<DomainRecord> For(SendingDomain domain, string hostName)
    {
        ArgumentNullException.ThrowIfNull(domain);
        return
        [
            new("dkim", "TXT", $"{domain.DkimSelector}._domainkey.{domain.Name}", domain.DkimRecord, Required: true,
                "Mail hosts check our signature with this key."),
            new("mx", "MX", domain.ReturnPath, $"10 {hostName}", Required: false,
                "Bounces that come back later reach us."),
            new("spf", "TXT", domain.ReturnPath, $"v=spf1 a:{hostName} ~all", Required: false,
                "Says that this service may send with the reverse-path of the domain (RFC 7208)."),
            new("dmarc", "TXT", $"_dmarc.{domain.Name}", "v=DMARC1; p=none", Required: false,
                "Large mail hosts ask senders for a DMARC policy (RFC 7489); p=none changes nothing for other mail of the domain."),
        ];
    }
}
