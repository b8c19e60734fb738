using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace EmailService.Mime;

/// <summary>Brings a domain into its one stored form: lower-case ASCII, international labels as A-labels.</summary>
/// <remarks>The platform's <see cref="IdnMapping"/> does the Punycode (RFC 3492). It maps nothing when the build is
/// culture-invariant, so the mapping of UTS #46 is done here as far as it needs no table: lower case, full-width forms,
/// the ideographic full stops. What would need Unicode normalisation is refused rather than sent to the wrong domain.</remarks>
public static class DomainName
{
    private static readonly IdnMapping Idn = new();
    private static readonly SearchValues<char> HostCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.");

    /// <summary>Reads a domain name as people write it.</summary>
    /// <param name="text">The name, international or not, without a trailing dot.</param>
    /// <param name="domain">The name in lower-case ASCII, at most 253 octets, when the answer is true.</param>
    /// <param name="problem">One sentence that says what is wrong, when the answer is false.</param>
    /// <returns>Whether it is a host name (RFC 1123 §2.1) of two labels or more, or <c>localhost</c>.</returns>
    public static bool TryNormalize(
        ReadOnlySpan<char> text,
        [NotNullWhen(true)] out string? domain,
        [NotNullWhen(false)] out string? problem)
    {
        domain = null;
        if (text.IsEmpty)
        {
            problem = "There is nothing after the @.";
            return false;
        }

        if (text.Length > 253)
        {
            problem = "The domain is longer than 253 octets.";
            return false;
        }

        string? candidate;
        if (Ascii.IsValid(text))
        {
            candidate = string.Create(text.Length, text, static (span, from) => from.ToLowerInvariant(span));
        }
        else if (!TryToAscii(text, out candidate, out problem))
        {
            return false;
        }

        if (!TryCheckLabels(candidate, out problem))
        {
            return false;
        }

        domain = candidate;
        return true;
    }

    private static bool TryToAscii(
        ReadOnlySpan<char> text,
        [NotNullWhen(true)] out string? ascii,
        [NotNullWhen(false)] out string? problem)
    {
        ascii = null;
        var mapped = new StringBuilder(text.Length);
        var previous = new Rune('.');
        while (!text.IsEmpty)
        {
            var status = Rune.DecodeFromUtf16(text, out var rune, out var used);
            rune = Map(rune);
            if (status != OperationStatus.Done || !IsAllowed(rune, previous))
            {
                problem = $"The part after the @ has a character that domains cannot have: U+{rune.Value:X4}.";
                return false;
            }

            mapped.Append(rune.ToString());
            previous = rune;
            text = text[used..];
        }

        try
        {
            ascii = Idn.GetAscii(mapped.ToString()).ToLowerInvariant();
            problem = null;
            return true;
        }
        catch (ArgumentException)
        {
            // Empty labels, labels over 63 octets, a ready A-label that is not one.
            problem = "The part after the @ is not a valid international domain name.";
            return false;
        }
    }

    // UTS #46 §4 step 1, the part that needs no table. ß and ς stay as they are (non-transitional).
    private static Rune Map(Rune rune) => rune.Value switch
    {
        0x3002 or 0xFF0E or 0xFF61 => new Rune('.'),
        >= 0xFF01 and <= 0xFF5E => Rune.ToLowerInvariant(new Rune(rune.Value - 0xFEE0)),
        _ => Rune.ToLowerInvariant(rune),
    };

    // RFC 5892 §2: letters, digits and marks; no symbols. Compatibility forms and marks after a plain letter are not in
    // the normal form (NFC) that RFC 5891 §4.2.1 asks for.
    private static bool IsAllowed(Rune rune, Rune previous)
    {
        if (rune.IsAscii)
        {
            return HostCharacters.Contains((char)rune.Value);
        }

        if (rune.Value is (>= 0xF900 and <= 0xFDFF) or (>= 0xFE00 and <= 0xFE0F) or (>= 0xFE70 and <= 0xFEFF)
            or (>= 0xFF00 and <= 0xFFEF) or 0x034F or (>= 0x2F800 and <= 0x2FA1F) or (>= 0xE0100 and <= 0xE01EF))
        {
            return false;
        }

        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter or UnicodeCategory.ModifierLetter
                or UnicodeCategory.DecimalDigitNumber => true,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark => !previous.IsAscii,
            // RFC 5892 appendix A.1: a joiner right after a virama, and the katakana middle dot need context; only the
            // Latin middle dot of Catalan names is common enough to matter.
            UnicodeCategory.OtherPunctuation => rune.Value == 0xB7 && previous.Value == 'l',
            _ => false,
        };
    }

    private static bool TryCheckLabels(string domain, [NotNullWhen(false)] out string? problem)
    {
        if (domain.Length > 253)
        {
            problem = "The domain is longer than 253 octets.";
            return false;
        }

        var odd = domain.AsSpan().IndexOfAnyExcept(HostCharacters);
        if (odd >= 0)
        {
            var c = domain[odd];
            problem = "The part after the @ has a character that domains cannot have: "
                + (c is > ' ' and < '\x7F' ? $"'{c}'." : $"U+{(int)c:X4}.");
            return false;
        }

        var labels = 0;
        var last = default(Range);
        foreach (var range in domain.AsSpan().Split('.'))
        {
            last = range;
            labels++;
            var label = domain.AsSpan()[range];
            if (label.IsEmpty)
            {
                problem = "The part after the @ may not begin or end with a dot nor have two in a row.";
                return false;
            }

            // RFC 1035 §2.3.4, RFC 1123 §2.1
            if (label.Length > 63 || label[0] == '-' || label[^1] == '-')
            {
                problem = $"'{label}' after the @ must have 1 to 63 characters and neither begin nor end with a hyphen.";
                return false;
            }

            if (label.StartsWith("xn--", StringComparison.Ordinal) && !IsALabel(label.ToString()))
            {
                problem = $"'{label}' after the @ is not a valid international label.";
                return false;
            }
        }

        if (labels == 1 && domain != "localhost")
        {
            problem = "The part after the @ needs a dot, such as example.com.";
            return false;
        }

        // RFC 3696 §2: a top-level domain is never all digits. It is an IP address without its brackets.
        if (domain.AsSpan()[last].IndexOfAnyExceptInRange('0', '9') < 0)
        {
            problem = "The part after the @ ends in a number; an IP address cannot stand for a domain.";
            return false;
        }

        problem = null;
        return true;
    }

    private static bool IsALabel(string label)
    {
        try
        {
            return Idn.GetAscii(Idn.GetUnicode(label)) == label;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
