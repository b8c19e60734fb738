using System.Net.Sockets;

namespace EmailService.Accounts;

/// <summary>One DNS record to publish, in the parts that DNS panels ask for, and what was found in its place.</summary>
/// <param name="Purpose">dkim, spf, mx or dmarc.</param>
/// <param name="Type">TXT or MX.</param>
/// <param name="Name">Where, in full, without the dot at the end.</param>
/// <param name="Expected">What to publish, priority and all on one line; null as long as nobody can say, and then <see cref="WhatToDo"/> says why.</param>
/// <param name="Required">Without it the domain is not verified.</param>
/// <param name="Why">What it is good for.</param>
public sealed record DomainRecord(string Purpose, string Type, string Name, string? Expected, bool Required, string Why)
{
    /// <summary>The octets that one string of a TXT record holds. RFC 1035 §3.3.</summary>
    public const int MaxStringOctets = 255;

    /// <summary>The name without the sending domain, for panels that add the zone by themselves.</summary>
    public string? RelativeName { get; init; }

    /// <summary>The value alone: the text, or the mail host without the dot at the end.</summary>
    public string? Value => Expected is null ? null : Type == "MX" ? Expected[(Expected.IndexOf(' ', StringComparison.Ordinal) + 1)..] : Expected;

    /// <summary>Of an MX record.</summary>
    public int? Priority => Expected is not null && Type == "MX" ? DomainRecords.MxPriority : null;

    /// <summary>A text as strings of at most 255 octets, which readers join with nothing between; null for MX.</summary>
    public IReadOnlyList<string>? Strings => Expected is null || Type == "MX" ? null : [.. Expected.Chunk(MaxStringOctets).Select(part => new string(part))];

    /// <summary>What DNS has there; empty before the first check. Fit to be shown: see <see cref="Platform.OneLine"/>.</summary>
    public IReadOnlyList<string> Found { get; init; } = [];

    /// <summary>Null before the first check, when DNS gave no answer, or when it cannot be judged from here.</summary>
    public bool? Ok { get; init; }

    /// <summary>Null when there is nothing to do.</summary>
    public string? WhatToDo { get; init; }
}

/// <summary>Which records a domain needs.</summary>
internal static class DomainRecords
{
    internal const int MxPriority = 10;

    /// <param name="domain">The domain.</param>
    /// <param name="sender">Whom the records name.</param>
    public static IReadOnlyList<DomainRecord> For(SendingDomain domain, SenderIdentity sender)
    {
        ArgumentNullException.ThrowIfNull(domain);
        var spf = Spf(sender);
        return
        [
            Record("dkim", "TXT", $"{domain.DkimSelector}._domainkey", domain.DkimRecord, required: true,
                "Mail hosts check our signature with this key."),
            Record("mx", "MX", Relative(domain), sender.HasPublicName ? $"{MxPriority} {sender.HostName}" : null, required: false,
                "Many mail hosts refuse a reverse-path whose domain has no mail host. This service does not listen for bounces that come back later in this version: mail hosts "
                + "that send one find nobody at port 25 and give up after some days. Bounces said while we deliver need no MX record. A mail host of yours that takes such mail does as well.",
                sender.HasPublicName ? null : NoName(sender)),
            Record("spf", "TXT", Relative(domain), spf, required: false,
                "Says that our addresses may send with the reverse-path of the domain (RFC 7208).", spf is null ? NoName(sender) : null),
            Record("dmarc", "TXT", "_dmarc", "v=DMARC1; p=none", required: false,
                "Large mail hosts ask senders for a DMARC policy (RFC 7489); p=none changes nothing for other mail of the domain."),
        ];

        DomainRecord Record(string purpose, string type, string name, string? expected, bool required, string why, string? toDo = null) =>
            new(purpose, type, $"{name}.{domain.Name}", expected, required, why) { RelativeName = name, WhatToDo = toDo };
    }

    /// <summary>All public addresses that are known, and the EHLO name for each source of which none is: mail hosts expect that name to lead to its address.
    /// Null if not even such a name is public.</summary>
    private static string? Spf(SenderIdentity sender)
    {
        var names = sender.Unknown.Select(source => source.HelloName).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        return names.TrueForAll(Platform.PublicHostName.Is)
            ? string.Join(' ', ["v=spf1", .. sender.Addresses.Select(a => a.Address).Distinct().Select(SpfTerm), .. names.Select(name => $"a:{name}"), "~all"])
            : null;
    }

    internal static string SpfTerm(System.Net.IPAddress address) => $"{(address.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6" : "ip4")}:{address}";

    private static string Relative(SendingDomain domain) => domain.ReturnPath[..^(domain.Name.Length + 1)];

    private static string NoName(SenderIdentity sender) =>
        $"EmailService:HostName is \"{sender.HostName}\", which is no public host name, so this record cannot be said yet. Set it to this machine's public name, such as mail.example.com.";
}
