using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EmailService.Dns.Spf;

/// <summary>Macros in domains. RFC 7208 §7.</summary>
internal static class SpfMacro
{
    private const string Letters = "slodiphv";

    // c, r and t are for explanations only. §7.2
    private const string ExplanationLetters = Letters + "crt";
    private const string Delimiters = ".-+,/_=";
    private const int LongestName = 253;

    /// <summary>A macro-string that ends in a dot and a top label, or in a macro: the domain-spec of §7.1.</summary>
    internal static bool IsDomain(string text)
    {
        if (text.Length == 0 || !TryRead(text, Letters, _ => "x", out _, out var endsInMacro))
        {
            return false;
        }

        if (endsInMacro)
        {
            return true;
        }

        var name = text.TrimEnd('.');
        var dot = name.LastIndexOf('.');
        var top = name[(dot + 1)..];
        return dot >= 0 && text.Length - name.Length <= 1 && top.Length > 0 && top.All(c => char.IsAsciiLetterOrDigit(c) || c == '-')
            && top[0] != '-' && top[^1] != '-' && !top.All(char.IsAsciiDigit);
    }

    /// <summary>Any macro-string, as in a modifier that nobody knows.</summary>
    internal static bool IsText(string text) => TryRead(text, ExplanationLetters, _ => "", out _, out _);

    /// <summary>Puts in what the macros stand for. A name that is too long loses labels from the left (§7.3).</summary>
    /// <param name="text">A domain that <see cref="IsDomain"/> is true of.</param>
    /// <param name="question">Whom it is about.</param>
    /// <param name="domain">The domain whose record is being read.</param>
    /// <param name="validatedName">What <c>p</c> stands for.</param>
    internal static string Expand(string text, SpfQuestion question, string domain, string validatedName)
    {
        TryRead(text, Letters, letter => letter switch
        {
            's' => $"{question.LocalPart}@{question.Domain}",
            'l' => question.LocalPart,
            'o' => question.Domain,
            'd' => domain,
            'i' => Dotted(question.Address),
            'p' => validatedName,
            'v' => question.Address.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6" : "in-addr",
            _ => question.Hello,
        }, out var expanded, out _);
        expanded = expanded.TrimEnd('.');
        while (expanded.Length > LongestName && expanded.IndexOf('.', StringComparison.Ordinal) is >= 0 and var dot)
        {
            expanded = expanded[(dot + 1)..];
        }

        return expanded;
    }

    internal static bool UsesValidatedName(string text) => text.Contains("%{p", StringComparison.OrdinalIgnoreCase);

    private static bool TryRead(string text, string letters, Func<char, string> valueOf, out string expanded, out bool endsInMacro)
    {
        var result = new StringBuilder(text.Length);
        (expanded, endsInMacro) = ("", false);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is <= ' ' or >= '\x7f')
            {
                return false;
            }

            endsInMacro = text[i] == '%';
            if (!endsInMacro)
            {
                result.Append(text[i]);
                continue;
            }

            if (++i == text.Length)
            {
                return false;
            }

            if (text[i] == '{')
            {
                var end = text.IndexOf('}', i);
                if (end < 0 || !TryMacro(text[(i + 1)..end], letters, valueOf, out var value))
                {
                    return false;
                }

                result.Append(value);
                i = end;
            }
            else if (text[i] is '%' or '_' or '-')
            {
                result.Append(text[i] switch { '%' => "%", '_' => " ", _ => "%20" });
            }
            else
            {
                return false;
            }
        }

        expanded = result.ToString();
        return true;
    }

    /// <summary>A letter, how many labels from the right, whether backwards, and what separates them.</summary>
    private static bool TryMacro(string macro, string letters, Func<char, string> valueOf, out string value)
    {
        value = "";
        if (macro.Length == 0 || !letters.Contains(char.ToLowerInvariant(macro[0]), StringComparison.Ordinal))
        {
            return false;
        }

        var at = 1;
        while (at < macro.Length && char.IsAsciiDigit(macro[at]))
        {
            at++;
        }

        var digits = macro[1..at];
        var isReversed = at < macro.Length && macro[at] is 'r' or 'R';
        var delimiters = macro[(isReversed ? at + 1 : at)..];

        // §7.1: the number of labels is at least 1; more than 128 labels has no name.
        if (delimiters.Any(c => !Delimiters.Contains(c, StringComparison.Ordinal)) || (digits.Length > 0 && digits.All(c => c == '0')))
        {
            return false;
        }

        var parts = valueOf(char.ToLowerInvariant(macro[0])).Split(delimiters.Length > 0 ? delimiters.ToCharArray() : ['.']);
        if (isReversed)
        {
            Array.Reverse(parts);
        }

        if (digits.Length > 0 && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var most) && most < parts.Length)
        {
            parts = parts[^most..];
        }

        value = string.Join('.', parts);
        value = char.IsAsciiLetterUpper(macro[0]) ? Uri.EscapeDataString(value) : value;
        return true;
    }

    // §7.3: an IPv6 address is its 32 nibbles with dots between.
    private static string Dotted(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6
        ? string.Join('.', Convert.ToHexStringLower(address.GetAddressBytes()).ToCharArray())
        : address.ToString();
}
