using System.Net;

namespace EmailService.Record;

/// <summary>By what a mail host knows us in one transaction: the reverse-path, our host names and addresses, the sender's domain. A reply
/// that names one of them is about us, and says nothing about the recipient.</summary>
public sealed class SenderNames
{
    /// <summary>For a reply of which nobody knows to whom it was said.</summary>
    public static readonly SenderNames None = new(null, [], [], "");

    private readonly string? reversePath;
    private readonly string[] hosts;
    private readonly string[] addresses;

    /// <param name="reversePath">As it was given in MAIL.</param>
    /// <param name="hosts">Our EHLO name, the host of the reverse-path, the sender's domain.</param>
    /// <param name="addresses">From which we connect, as the host may see them.</param>
    /// <param name="recipientDomain">A name of ours that the recipient's address contains is no sign: a host quotes that address.</param>
    public SenderNames(string? reversePath, IEnumerable<string> hosts, IEnumerable<IPAddress> addresses, string recipientDomain)
    {
        this.reversePath = reversePath;
        this.hosts = [.. hosts.Where(host => host.Contains('.', StringComparison.Ordinal) && !Contains(recipientDomain, host))];
        this.addresses = [.. addresses.Where(address => !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any)).Select(address => address.ToString())];
    }

    /// <summary>Whether a reply's text names us.</summary>
    public bool AreIn(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return (reversePath is not null && text.Contains(reversePath, StringComparison.OrdinalIgnoreCase))
            || hosts.Any(host => HasName(text, host)) || addresses.Any(address => HasName(text, address));
    }

    private static bool Contains(string domain, string host) =>
        domain.EndsWith(host, StringComparison.OrdinalIgnoreCase)
        && (domain.Length == host.Length || domain[domain.Length - host.Length - 1] == '.');

    /// <summary>The name by itself: neither a part of a longer one nor the domain of somebody's address.</summary>
    private static bool HasName(string text, string name)
    {
        for (var at = text.IndexOf(name, StringComparison.OrdinalIgnoreCase); at >= 0; at = text.IndexOf(name, at + 1, StringComparison.OrdinalIgnoreCase))
        {
            var end = at + name.Length;
            var goesOn = end < text.Length && (IsOfName(text[end]) || (text[end] is '.' or ':' && end + 1 < text.Length && IsOfName(text[end + 1])));
            var cameBefore = at > 0 && (IsOfName(text[at - 1]) || text[at - 1] is '.' or '@');
            if (!goesOn && !cameBefore)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOfName(char c) => char.IsLetterOrDigit(c) || c is '-' or '_';
}
