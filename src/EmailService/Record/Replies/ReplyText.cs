using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EmailService.Smtp;

namespace EmailService.Record;

/// <summary>Replies as text: one that a person pastes, and the form in which rules see one. Pure, never throws on input.</summary>
public static partial class ReplyText
{
    /// <summary>How much of a reply rules look at.</summary>
    public const int MostCharacters = 2000;

    /// <summary>Reads <c>550 5.1.1 No such user</c>, as the log, an event or another server's bounce shows it: on several lines or one, with
    /// the code repeated (<c>550-5.1.1 … 550 5.1.1 …</c>), with <c>smtp;</c> in front.</summary>
    /// <returns>False if no reply code is at the beginning.</returns>
    public static bool TryParse(string text, out SmtpReply reply)
    {
        reply = null!;
        text = text.Trim();
        if (text.StartsWith("smtp;", StringComparison.OrdinalIgnoreCase))
        {
            text = text[5..].TrimStart();
        }

        if (text.Length < 3 || text[0] is < '2' or > '5' || !char.IsAsciiDigit(text[1]) || !char.IsAsciiDigit(text[2])
            || (text.Length > 3 && !char.IsWhiteSpace(text[3]) && text[3] != '-'))
        {
            return false;
        }

        var code = text[..3];
        var rest = text.Length > 4 ? text[4..].TrimStart() : "";
        EnhancedStatusCode? enhanced = null;
        // Some write "550 #5.1.0 Address rejected" or "550 (5.1.1)"; those are text to RFC 2034, and to us.
        if (EnhancedStatusCode.TryReadPrefix(rest, out var status, out var length))
        {
            enhanced = status;
            rest = rest[length..];
        }

        // The later lines of one reply repeat its code, and mostly its enhanced code.
        rest = Repeated().Replace(rest, match => match.Groups[1].Value == code ? " " : match.Value);
        reply = new SmtpReply(int.Parse(code, CultureInfo.InvariantCulture), enhanced, rest.Trim());
        return true;
    }

    /// <summary>One line, single spaces, bounded, and without the local parts of addresses: a user called <c>spam</c> is not spam.</summary>
    public static string ForRules(string text)
    {
        var line = new StringBuilder(Math.Min(text.Length, MostCharacters));
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, MostCharacters)))
        {
            if (!char.IsWhiteSpace(c) && !char.IsControl(c))
            {
                line.Append(c);
            }
            else if (line.Length > 0 && line[^1] != ' ')
            {
                line.Append(' ');
            }
        }

        return LocalPart().Replace(line.ToString().TrimEnd(), "@");
    }

    [GeneratedRegex(@"\s+([2-5][0-9]{2})[- ](?:[245]\.[0-9]{1,3}\.[0-9]{1,3}(?=\s))?", RegexOptions.CultureInvariant)]
    private static partial Regex Repeated();

    [GeneratedRegex("""[^\s<>"'(),;:\[\]@]{1,100}@""", RegexOptions.CultureInvariant)]
    private static partial Regex LocalPart();
}
