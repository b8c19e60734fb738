using System.Globalization;
using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>The mistakes that people and DNS panels make with key records, and how each shows in the octets.</summary>
internal static class DkimRecordMistakes
{
    private const int LongestExcerpt = 24;

    /// <summary>Why a record is no key record; null if it is none of the usual mistakes.</summary>
    internal static string? Explain(string found, string expected) =>
        Escaped(found) ?? Quoted(found) ?? NotAscii(found) ?? TextBefore(found) ?? Tags(found) ?? ExplainKey(found, expected);

    /// <summary>How the key in p= differs from the expected one; null if there is no p=, or it does not.</summary>
    internal static string? ExplainKey(string found, string expected)
    {
        if (Tag(found, "p") is not { } p || Tag(expected, "p") is not { } right)
        {
            return null;
        }

        var (given, should) = (WithoutSpace(p.Value), WithoutSpace(right.Value));
        if (given.Length == 0)
        {
            return $"p= at octet {p.At} is empty, which means that the key is revoked.";
        }

        if (given == should)
        {
            return null;
        }

        if (should.StartsWith(given, StringComparison.Ordinal))
        {
            return $"the key is cut off: p= has {given.Length} of {should.Length} characters. Many DNS panels end a text at 255 characters: publish it as several "
                + "strings of at most 255 characters each.";
        }

        if (given.Equals(should, StringComparison.OrdinalIgnoreCase))
        {
            return $"the case of letters in p= was changed, first at octet {p.At + FirstDifference(p.Value, right.Value)}: capitals and small letters are different in base64.";
        }

        for (var i = 0; i < given.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(given[i]) && given[i] is not ('+' or '/' or '='))
            {
                var at = p.At + p.Value.IndexOf(given[i], StringComparison.Ordinal);
                return $"octet {at} in p= is {Shown(given[i])}, which base64 does not have. It usually comes with a key that was copied with what stood around it, or pieces joined with something between.";
            }
        }

        return given.StartsWith(should, StringComparison.Ordinal)
            ? $"p= goes on for {given.Length - should.Length} characters behind the key: \"{Excerpt(given[should.Length..])}\". A semicolon may be missing, or a string was pasted twice."
            : $"p= at octet {p.At} is another key ({given.Length} characters, expected {should.Length}; the first difference is at octet {p.At + FirstDifference(p.Value, right.Value)}).";
    }

    internal static bool HasManyServices(string found) => Tag(found, "s") is { } services && services.Value.Contains(':', StringComparison.Ordinal);

    private static string? Escaped(string found) => found.IndexOf('\\', StringComparison.Ordinal) is >= 0 and var at
        ? $"octet {at + 1} is a backslash (\"{Excerpt(found[at..])}\"). Zone files need \"\\;\" only outside of quotes; a DNS panel takes the text as it is and "
            + "escapes by itself: enter it without backslashes."
        : null;

    private static string? Quoted(string found) => found.IndexOf('"', StringComparison.Ordinal) is >= 0 and var at
        ? $"octet {at + 1} is a quotation mark that is part of the text. A zone file has quotes around the text; in most DNS panels they must not be entered: "
            + "remove them, and what is between two strings."
        : null;

    private static string? NotAscii(string found)
    {
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i] is >= ' ' and < '\x7f' or '\t' or '\r' or '\n')
            {
                continue;
            }

            if (found[i] < 0x80)
            {
                return $"octet {i + 1} is the control character 0x{(int)found[i]:x2}. Enter the text by hand, or copy it from plain text.";
            }

            // What DNS holds is octets, and a panel that was given “ has stored its UTF-8.
            var octets = Encoding.Latin1.GetBytes(found[i..Math.Min(found.Length, i + 4)]);
            var isRune = Rune.DecodeFromUtf8(octets, out var rune, out _) == System.Buffers.OperationStatus.Done;
            var what = !isRune ? $"0x{(int)found[i]:x2}"
                : string.Create(CultureInfo.InvariantCulture, $"U+{rune.Value:X4}{(Rune.IsLetterOrDigit(rune) || Rune.IsPunctuation(rune) ? $" ({rune})" : "")}");
            return $"octet {i + 1} is not ASCII but {what}. Word processors and chat programs put curly quotes, long dashes and unusual spaces for plain ones: copy the text from plain text.";
        }

        return null;
    }

    /// <summary>Owner, class and type, or a label, were pasted into the field of the value.</summary>
    private static string? TextBefore(string found)
    {
        var at = found.IndexOf("v=DKIM1", StringComparison.OrdinalIgnoreCase);
        return at > 0 && !found[..at].Contains('=', StringComparison.Ordinal) && found[..at].Trim().Length > 0
            ? $"octets 1 to {at} (\"{Excerpt(found)}\") stand before v=DKIM1. The name, IN and TXT are fields of their own: the value begins with v=DKIM1."
            : null;
    }

    private static string? Tags(string found)
    {
        if (found.Trim().Length == 0)
        {
            return "the record is empty.";
        }

        var version = Tag(found, "v");
        if (version is { } v && v.Value.Trim() != "DKIM1")
        {
            var said = v.Value.Trim();
            return said.Equals("DKIM1", StringComparison.OrdinalIgnoreCase)
                ? $"octets {v.At} to {v.At + 4} are \"{said}\" and must be \"DKIM1\" in capitals (RFC 6376 §3.6.1). Some DNS panels turn all into small letters."
                : said.StartsWith("DKIM1", StringComparison.OrdinalIgnoreCase) && said.Contains('=', StringComparison.Ordinal)
                    ? $"the semicolon behind DKIM1 is missing at octet {v.At + 5}: tags are separated by semicolons (\"{Excerpt(said)}\")."
                    : $"v= at octet {v.At} is \"{Excerpt(said)}\" and must be \"DKIM1\".";
        }

        if (version is { } late && found[..(late.At - 1)].Contains(';', StringComparison.Ordinal))
        {
            return $"v=DKIM1 stands at octet {late.At - 2} and must be the first tag (RFC 6376 §3.6.1).";
        }

        if (Tag(found, "k") is { } k && k.Value.Trim() is not ("rsa" or "ed25519"))
        {
            return $"k= at octet {k.At} is \"{Excerpt(k.Value.Trim())}\" and must be \"rsa\" or \"ed25519\", in small letters.";
        }

        if (Tag(found, "p") is null)
        {
            return Tag(found, "P") is { } large
                ? $"the tag at octet {large.At - 2} is \"P\"; names of tags are small letters: p=."
                : "there is no p= tag, and so no key.";
        }

        return Restriction(found, "h", "sha256", "the hash that we sign with") ?? Restriction(found, "s", "email", "mail") ?? Malformed(found);
    }

    private static string? Restriction(string found, string name, string needed, string meaning) =>
        Tag(found, name) is { } tag && !tag.Value.Split(':').Any(item => item.Trim().Equals(needed, StringComparison.OrdinalIgnoreCase) || (name == "s" && item.Trim() == "*"))
            ? $"{name}= at octet {tag.At} is \"{Excerpt(tag.Value.Trim())}\" and does not allow {needed}, {meaning}. Remove {name}=."
            : null;

    private static string? Malformed(string found)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var at = 1;
        var parts = found.Split(';');
        for (var i = 0; i < parts.Length; at += parts[i].Length + 1, i++)
        {
            var equals = parts[i].IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                if (i < parts.Length - 1 || parts[i].Trim().Length > 0)
                {
                    return parts[i].Trim().Length == 0
                        ? $"there is nothing between two semicolons at octet {at}; remove one."
                        : $"octets {at} to {at + parts[i].Length - 1} (\"{Excerpt(parts[i].Trim())}\") are no tag: expected name=value.";
                }
            }
            else if (parts[i][..equals].Trim() is var name && !IsName(name))
            {
                return $"what stands before = at octet {at + equals - parts[i][..equals].TrimStart().Length} (\"{Excerpt(name)}\") is no name of a tag: a letter, then letters, digits and underscores (RFC 6376 §3.2).";
            }
            else if (!seen.Add(name))
            {
                return $"the tag {Excerpt(name)}= is there twice, the second time at octet {at}. Two records may have been pasted into one.";
            }
        }

        return null;
    }

    private static bool IsName(string text) => text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    /// <summary>The value of the first tag of that name and the octet, from 1, at which it begins.</summary>
    private static (string Value, int At)? Tag(string record, string name)
    {
        var at = 1;
        foreach (var part in record.Split(';'))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && part[..equals].Trim() == name)
            {
                var value = part[(equals + 1)..];
                var blanks = value.Length - value.TrimStart().Length;
                return (value.Trim(), at + equals + 1 + blanks);
            }

            at += part.Length + 1;
        }

        return null;
    }

    private static int FirstDifference(string value, string right)
    {
        for (int i = 0, j = 0; i < value.Length; i++)
        {
            if (char.IsWhiteSpace(value[i]))
            {
                continue;
            }

            if (j >= right.Length || value[i] != right[j++])
            {
                return i;
            }
        }

        return value.Length;
    }

    private static string WithoutSpace(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));

    private static string Shown(char c) => c is > ' ' and < '\x7f' ? $"'{c}'" : $"0x{(int)c:x2}";

    // Octets beyond ASCII are shown as question marks: the text goes to terminals and logs.
    private static string Excerpt(string text) =>
        string.Concat((text.Length > LongestExcerpt ? text[..LongestExcerpt] + "..." : text).Select(c => c is >= ' ' and < '\x7f' ? c : '?'));
}
