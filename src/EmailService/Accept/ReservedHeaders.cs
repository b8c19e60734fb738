using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>Header fields that a caller can't give, and why: they would break the message, or say in another's name what only that one may
/// say. SendGrid's own reserved names are among them.</summary>
internal static class ReservedHeaders
{
    private const string Ours = "This header is written by the service, from the request's own fields where there is one. Leave it out.";
    private const string Trace = "Mail hosts on the way write this header, and others believe what it says of them (RFC 5321 §4.4, RFC 8601). Leave it out.";
    private const string Loop = "Mail hosts write this header to find mail that runs in a circle, and would refuse the message as such (RFC 9228). Leave it out.";
    private const string Resent = "These headers say that somebody else sent a message on (RFC 5322 §3.6.6), which this request is not. Use from and reply_to.";
    private const string Structure = "The service writes the headers that say how the message is built, from content and attachments; another would break it. Leave it out.";
    private const string Signature = "A signature is made by who answers for it: the service signs every message with the key of its from domain. Leave it out.";

    private static readonly Dictionary<string, string> Reasons = new(StringComparer.OrdinalIgnoreCase)
    {
        ["x-sg-id"] = Ours,
        ["x-sg-eid"] = Ours,
        ["Received"] = Trace,
        ["X-Received"] = Trace,
        ["Authentication-Results"] = Trace,
        ["BIMI-Location"] = Trace,
        ["BIMI-Indicator"] = Trace,
        ["VBR-Info"] = Trace,
        ["Delivered-To"] = Loop,
        ["Apparently-To"] = Ours,
        ["DKIM-Signature"] = Signature,
        ["DomainKey-Signature"] = Signature,
    };

    private static readonly (string Prefix, string Reason)[] Families =
    [
        ("Received-", Trace), ("ARC-", Trace), ("Authentication-Results-", Trace), ("Resent-", Resent), ("Content-", Structure),
    ];

    /// <summary>Of the family that describes a message, these change nothing in how it is read.</summary>
    private static readonly HashSet<string> Harmless = new(StringComparer.OrdinalIgnoreCase)
    {
        "Content-Language", "Content-Description", "Content-Class",
    };

    /// <summary>Null when a caller may give it; or when it is taken into the message in another way, see <see cref="GivenHeaders"/>.</summary>
    public static string? WhyReserved(string name)
    {
        if (Reasons.TryGetValue(name, out var reason))
        {
            return reason;
        }

        if (Harmless.Contains(name) || GivenHeaders.Takes(name))
        {
            return null;
        }

        foreach (var (prefix, family) in Families)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return family;
            }
        }

        return MimeHeader.IsReserved(name) ? Ours : null;
    }
}
