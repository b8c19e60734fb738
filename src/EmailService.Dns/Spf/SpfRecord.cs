using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Dns.Spf;

/// <summary>The kinds of mechanism. RFC 7208 §5.</summary>
internal enum SpfMechanism
{
    All,
    Include,
    A,
    Mx,
    Ptr,
    Ip4,
    Ip6,
    Exists,
}

/// <summary>One mechanism of a record.</summary>
/// <param name="Text">As it stands in the record.</param>
/// <param name="Kind">Which.</param>
/// <param name="Verdict">What a match means: its qualifier. RFC 7208 §4.6.2.</param>
/// <param name="Domain">The domain-spec with its macros; null for the domain that is being asked about.</param>
/// <param name="Network">Of ip4 and ip6.</param>
/// <param name="Prefix4">Bits of an IPv4 address that count, for a and mx.</param>
/// <param name="Prefix6">Bits of an IPv6 address that count, for a and mx.</param>
internal sealed record SpfTerm(
    string Text, SpfMechanism Kind, SpfVerdict Verdict, string? Domain = null, IPNetwork Network = default, int Prefix4 = 32, int Prefix6 = 128);

/// <summary>A record taken apart. A mistake anywhere in it makes the whole an error, also behind what would match (RFC 7208 §4.6).</summary>
internal sealed record SpfRecord(IReadOnlyList<SpfTerm> Terms, string? Redirect)
{
    private const string Start = "v=spf1";

    /// <summary>RFC 7208 §4.5: the version is followed by a space or by nothing.</summary>
    internal static bool IsSpf(string text) =>
        text.StartsWith(Start, StringComparison.OrdinalIgnoreCase) && (text.Length == Start.Length || text[Start.Length] == ' ');

    internal static bool TryParse(string text, [NotNullWhen(true)] out SpfRecord? record, out string problem)
    {
        record = null;
        problem = "";
        var terms = new List<SpfTerm>();
        var (redirect, hasExplanation) = ((string?)null, false);
        foreach (var word in text[Start.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (IsModifier(word, out var name, out var value))
            {
                // RFC 7208 §6: these two at most once; others are not known to anybody and are passed over.
                var isRedirect = name.Equals("redirect", StringComparison.OrdinalIgnoreCase);
                var isExplanation = name.Equals("exp", StringComparison.OrdinalIgnoreCase);
                if ((isRedirect && redirect is not null) || (isExplanation && hasExplanation))
                {
                    problem = $"{name}= is there twice";
                    return false;
                }

                if (isRedirect || isExplanation ? !SpfMacro.IsDomain(value) : !SpfMacro.IsText(value))
                {
                    problem = $"\"{word}\" has no valid domain";
                    return false;
                }

                redirect = isRedirect ? value : redirect;
                hasExplanation |= isExplanation;
            }
            else if (TryMechanism(word, out var term))
            {
                terms.Add(term);
            }
            else
            {
                problem = $"\"{word}\" is no mechanism of SPF";
                return false;
            }
        }

        record = new SpfRecord(terms, redirect);
        return true;
    }

    // RFC 7208 §6: name "=" macro-string, where the name is ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
    private static bool IsModifier(string word, out string name, out string value)
    {
        (name, value) = ("", "");
        var equals = word.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0 || !char.IsAsciiLetter(word[0]) || !word.AsSpan(0, equals).ContainsOnlyNameCharacters())
        {
            return false;
        }

        (name, value) = (word[..equals], word[(equals + 1)..]);
        return true;
    }

    private static bool TryMechanism(string word, [NotNullWhen(true)] out SpfTerm? term)
    {
        term = null;
        var verdict = word[0] switch { '-' => SpfVerdict.Fail, '~' => SpfVerdict.SoftFail, '?' => SpfVerdict.Neutral, _ => SpfVerdict.Pass };
        var rest = word[0] is '+' or '-' or '~' or '?' ? word[1..] : word;
        var nameEnd = rest.IndexOfAny([':', '/']);
        var name = nameEnd < 0 ? rest : rest[..nameEnd];
        var tail = nameEnd < 0 ? "" : rest[nameEnd..];
        if (!Enum.TryParse<SpfMechanism>(name, ignoreCase: true, out var kind) || !name.All(char.IsAsciiLetterOrDigit) || char.IsAsciiDigit(name[0]))
        {
            return false;
        }

        switch (kind)
        {
            case SpfMechanism.All:
                term = tail.Length == 0 ? new(word, kind, verdict) : null;
                break;
            case SpfMechanism.Ip4 or SpfMechanism.Ip6:
                term = TryNetwork(tail, kind == SpfMechanism.Ip4, out var network) ? new(word, kind, verdict, Network: network) : null;
                break;
            case SpfMechanism.Include or SpfMechanism.Exists:
                term = tail.StartsWith(':') && SpfMacro.IsDomain(tail[1..]) ? new(word, kind, verdict, tail[1..]) : null;
                break;
            case SpfMechanism.Ptr:
                term = tail.Length == 0 ? new(word, kind, verdict)
                    : tail.StartsWith(':') && SpfMacro.IsDomain(tail[1..]) ? new(word, kind, verdict, tail[1..]) : null;
                break;
            case SpfMechanism.A or SpfMechanism.Mx:
                term = TryDual(tail, out var domain, out var prefix4, out var prefix6) ? new(word, kind, verdict, domain, default, prefix4, prefix6) : null;
                break;
        }

        return term is not null;
    }

    // RFC 7208 §5.6: a prefix has no leading zeros, and the family is that of the mechanism. The address may have bits set behind the prefix.
    private static bool TryNetwork(string tail, bool isIp4, out IPNetwork network)
    {
        network = default;
        if (!tail.StartsWith(':'))
        {
            return false;
        }

        var slash = tail.IndexOf('/', StringComparison.Ordinal);
        var text = slash < 0 ? tail[1..] : tail[1..slash];
        var most = isIp4 ? 32 : 128;
        var prefix = most;
        if ((slash >= 0 && !TryPrefix(tail[(slash + 1)..], most, out prefix))
            || (isIp4 ? text.Split('.').Length != 4 || text.Any(c => !char.IsAsciiDigit(c) && c != '.') : !text.Contains(':', StringComparison.Ordinal) || text.Contains('%', StringComparison.Ordinal))
            || (isIp4 && text.Split('.').Any(part => part.Length > 1 && part[0] == '0'))
            || !IPAddress.TryParse(text, out var address)
            || address.AddressFamily != (isIp4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6))
        {
            return false;
        }

        network = NetworkOf(address, prefix);
        return true;
    }

    internal static IPNetwork NetworkOf(IPAddress address, int prefix)
    {
        var octets = address.GetAddressBytes();
        for (var bit = prefix; bit < octets.Length * 8; bit++)
        {
            octets[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPNetwork(new IPAddress(octets), prefix);
    }

    // RFC 7208 §5.3: [":" domain-spec] [ "/" bits ] [ "//" bits ]. A slash may also stand in a macro, between braces.
    private static bool TryDual(string tail, out string? domain, out int prefix4, out int prefix6)
    {
        (domain, prefix4, prefix6) = (null, 32, 128);
        var end = tail.LastIndexOf('}') + 1;
        var slash = tail.IndexOf('/', end);
        var name = slash < 0 ? tail : tail[..slash];
        if (name.Length > 0)
        {
            domain = name[1..];
            if (name[0] != ':' || !SpfMacro.IsDomain(domain))
            {
                return false;
            }
        }

        if (slash < 0)
        {
            return true;
        }

        var bits = tail[slash..];
        var two = bits.IndexOf("//", StringComparison.Ordinal);
        return (two == 0 || TryPrefix(two < 0 ? bits[1..] : bits[1..two], 32, out prefix4))
            && (two < 0 || TryPrefix(bits[(two + 2)..], 128, out prefix6));
    }

    private static bool TryPrefix(string text, int most, out int prefix) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out prefix) && prefix <= most && (text.Length == 1 || text[0] != '0');
}

internal static class SpfNames
{
    internal static bool ContainsOnlyNameCharacters(this ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.'))
            {
                return false;
            }
        }

        return true;
    }
}
