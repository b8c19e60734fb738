using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EmailService.Mime;

/// <summary>Splits an address into local part and domain and says what is wrong with either.</summary>
internal static class AddressParser
{
    private const int MaxLocalOctets = 64; // RFC 5321 §4.5.3.1.1
    private const int MaxOctets = 254; // RFC 5321 §4.5.3.1.3: a path has 256, two of them angle brackets

    // RFC 5322 §3.2.3 atext, and the dots between atoms.
    private static readonly SearchValues<char> DotAtom =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~.");

    private static readonly SearchValues<char> V4Characters = SearchValues.Create("0123456789.");
    private static readonly SearchValues<char> V6Characters = SearchValues.Create("0123456789abcdefABCDEF:.");

    public static bool TryParse(
        ReadOnlySpan<char> text,
        bool allowLiteral,
        [NotNullWhen(true)] out EmailAddress? address,
        [NotNullWhen(false)] out string? problem)
    {
        address = null;
        if (text.IsEmpty)
        {
            problem = "The address is empty.";
            return false;
        }

        if (text.Length > MaxOctets)
        {
            problem = $"The address is longer than {MaxOctets} octets.";
            return false;
        }

        if (!TryReadLocalPart(text, out var local, out var rest, out problem))
        {
            return false;
        }

        // Legal, but a reader that decodes encoded-words everywhere would see another address, in another domain if it is made for that.
        // In quotes too: they go where the wire form needs none.
        if (local.IndexOf("=?", StringComparison.Ordinal) is var mark and >= 0
            && local.IndexOf("?=", mark, StringComparison.Ordinal) >= 0)
        {
            problem = "The part before the @ looks like an encoded word (=?...?=), which is not accepted.";
            return false;
        }

        string? domain;
        if (rest.Length > 0 && rest[0] == '[')
        {
            if (!TryReadLiteral(rest, allowLiteral, out domain, out problem))
            {
                return false;
            }
        }
        else if (!DomainName.TryNormalize(rest, out domain, out problem))
        {
            return false;
        }

        var localOctets = Encoding.UTF8.GetByteCount(Quote(local));
        if (localOctets > MaxLocalOctets)
        {
            problem = $"The part before the @ is longer than {MaxLocalOctets} octets.";
            return false;
        }

        if (localOctets + 1 + domain.Length > MaxOctets)
        {
            problem = $"The address is longer than {MaxOctets} octets.";
            return false;
        }

        var display = domain.AsSpan().SequenceEqual(rest) ? domain : rest.ToString();
        address = new EmailAddress(local, domain, display);
        return true;
    }

    /// <summary>The local part as it goes on the wire: as it is when a dot-atom, else a quoted string.</summary>
    public static string Quote(string local)
    {
        if (IsDotAtom(local))
        {
            return local;
        }

        var quoted = new StringBuilder(local.Length + 4).Append('"');
        foreach (var c in local)
        {
            if (c is '"' or '\\')
            {
                quoted.Append('\\');
            }

            quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }

    private static bool IsDotAtom(ReadOnlySpan<char> local)
    {
        if (local.IsEmpty || local[0] == '.' || local[^1] == '.' || local.IndexOf("..", StringComparison.Ordinal) >= 0)
        {
            return false;
        }

        while (true)
        {
            var odd = local.IndexOfAnyExcept(DotAtom);
            if (odd < 0)
            {
                return true;
            }

            // RFC 6531 §3.3: atext is extended by every UTF-8 character beyond ASCII.
            if (local[odd] < 0x80)
            {
                return false;
            }

            local = local[(odd + 1)..];
        }
    }

    private static bool TryReadLocalPart(
        ReadOnlySpan<char> text,
        [NotNullWhen(true)] out string? local,
        out ReadOnlySpan<char> rest,
        [NotNullWhen(false)] out string? problem)
    {
        local = null;
        rest = default;
        if (text[0] == '"')
        {
            return TryReadQuoted(text, out local, out rest, out problem);
        }

        var at = text.IndexOf('@');
        if (at <= 0)
        {
            problem = at < 0 ? "The address has no @." : "There is nothing before the @.";
            return false;
        }

        var candidate = text[..at];
        rest = text[(at + 1)..];
        if (!TryCheckInternational(candidate, out problem))
        {
            return false;
        }

        if (!IsDotAtom(candidate))
        {
            problem = candidate[0] == '.' || candidate[^1] == '.' || candidate.IndexOf("..", StringComparison.Ordinal) >= 0
                ? "The part before the @ may not begin or end with a dot nor have two in a row."
                : $"The part before the @ has a character that is not allowed there without quotes: {Describe(candidate)}.";
            return false;
        }

        local = candidate.ToString();
        return true;
    }

    // RFC 5321 §4.1.2 Quoted-string; RFC 6531 §3.3 adds UTF-8 to qtextSMTP.
    private static bool TryReadQuoted(
        ReadOnlySpan<char> text,
        [NotNullWhen(true)] out string? local,
        out ReadOnlySpan<char> rest,
        [NotNullWhen(false)] out string? problem)
    {
        local = null;
        rest = default;
        Span<char> plain = stackalloc char[text.Length];
        var length = 0;
        var i = 1;
        for (; i < text.Length && text[i] != '"'; i++)
        {
            var escaped = text[i] == '\\';
            if (escaped && ++i == text.Length)
            {
                break;
            }

            // quoted-pairSMTP is ASCII only; RFC 6531 §3.3 did not extend it.
            if (text[i] is < ' ' or '\x7F' || (escaped && text[i] > '~'))
            {
                problem = "The part before the @ has a character that is not allowed there.";
                return false;
            }

            plain[length++] = text[i];
        }

        if (i >= text.Length)
        {
            problem = "The quotes before the @ are not closed.";
            return false;
        }

        if (i + 1 >= text.Length || text[i + 1] != '@')
        {
            problem = "There must be an @ right after the closing quote.";
            return false;
        }

        if (length == 0)
        {
            problem = "There is nothing before the @.";
            return false;
        }

        if (!TryCheckInternational(plain[..length], out problem))
        {
            return false;
        }

        local = plain[..length].ToString();
        rest = text[(i + 2)..];
        return true;
    }

    // RFC 6532 §3.1 allows all of UTF-8; RFC 6530 §10.1 warns of what cannot be seen or typed. Those are refused.
    private static bool TryCheckInternational(ReadOnlySpan<char> local, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        var first = true;
        foreach (var rune in local.EnumerateRunes())
        {
            if (!rune.IsAscii)
            {
                var category = Rune.GetUnicodeCategory(rune);
                var refused = category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                    or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.SpaceSeparator
                    or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                    || rune == Rune.ReplacementChar
                    // The Greek question mark, Greek varia and Kelvin sign are ASCII once somebody normalises them.
                    || rune.Value is 0x037E or 0x1FEF or 0x212A
                    || (first && category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark);
                if (refused)
                {
                    problem = $"The part before the @ has a character that is not allowed there: U+{rune.Value:X4}.";
                    return false;
                }
            }

            first = false;
        }

        return true;
    }

    private static string Describe(ReadOnlySpan<char> local)
    {
        foreach (var c in local)
        {
            if (c < 0x80 && !DotAtom.Contains(c))
            {
                return c is > ' ' and < '\x7F' ? $"'{c}'" : $"U+{(int)c:X4}";
            }
        }

        return "unknown";
    }

    // RFC 5321 §4.1.3
    private static bool TryReadLiteral(
        ReadOnlySpan<char> text,
        bool allow,
        [NotNullWhen(true)] out string? literal,
        [NotNullWhen(false)] out string? problem)
    {
        literal = null;
        if (!allow)
        {
            problem = "An IP address in place of the domain is not accepted; use a domain name.";
            return false;
        }

        problem = "The part after the @ is not an IP address in brackets.";
        if (text[^1] != ']')
        {
            return false;
        }

        var inner = text[1..^1];
        if (inner.StartsWith("IPv6:", StringComparison.OrdinalIgnoreCase))
        {
            // The platform also reads brackets, ports and scope ids, which have no place here.
            if (inner[5..].IndexOfAnyExcept(V6Characters) < 0
                && IPAddress.TryParse(inner[5..], out var v6) && v6.AddressFamily == AddressFamily.InterNetworkV6)
            {
                literal = $"[IPv6:{v6}]";
                problem = null;
                return true;
            }

            return false;
        }

        // Four decimal numbers: the platform's parser would also take "127.1" and "0x7f000001".
        if (inner.Count('.') == 3 && inner.IndexOfAnyExcept(V4Characters) < 0
            && IPAddress.TryParse(inner, out var v4) && inner.SequenceEqual(v4.ToString()))
        {
            literal = $"[{v4}]";
            problem = null;
            return true;
        }

        return false;
    }
}
