using System.Net;

namespace EmailService.Platform;

/// <summary>Whether a host name can be a name on the public Internet: DNS records must not name any other.</summary>
public static class PublicHostName
{
    // Reserved for use within a network or a machine: RFC 6761 §6.3 and §6.4, RFC 6762 §3 and appendix G, RFC 8375, RFC 7686, and ICANN's "internal" of 2024.
    // "example" and "test" are nobody's either; documentation and tests use them where a public name would stand, so they pass.
    private static readonly string[] inside =
        ["localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa", "invalid", "onion", "arpa"];

    /// <summary>A name of at least two labels, no address, and not below a domain that exists only within a network.</summary>
    public static bool Is(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var plain = name.TrimEnd('.');
        return plain.Contains('.', StringComparison.Ordinal) && !IPAddress.TryParse(plain, out _) && !char.IsAsciiDigit(plain[^1])
            && !Array.Exists(inside, domain => plain.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase));
    }
}
