using System.Globalization;

namespace EmailService.Mime;

/// <summary>The date and time of a mail: RFC 5322 §3.3, with the zone names of §4.3 that say one thing everywhere.</summary>
public static class MailDate
{
    private static readonly string[] Formats =
    [
        "ddd, d MMM yyyy HH:mm:ss zzz", "ddd, d MMM yyyy HH:mm zzz", "d MMM yyyy HH:mm:ss zzz", "d MMM yyyy HH:mm zzz",
    ];

    /// <summary>Reads a date such as <c>Wed, 4 Mar 2026 05:06:07 -0300</c>.</summary>
    /// <param name="text">The value of a Date field; a comment at its end is passed over.</param>
    /// <param name="date">The date with its offset, when the answer is true.</param>
    /// <returns>Whether it is one: a weekday that is another than the date's makes it none.</returns>
    public static bool TryParse(string text, out DateTimeOffset date)
    {
        ArgumentNullException.ThrowIfNull(text);
        var comment = text.IndexOf('(', StringComparison.Ordinal);
        var words = (comment < 0 ? text : text[..comment]).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        date = default;
        if (words.Length is < 4 or > 6)
        {
            return false;
        }

        words[^1] = words[^1].ToUpperInvariant() switch
        {
            "GMT" or "UT" or "UTC" or "Z" => "+0000",
            "EST" or "CDT" => "-0500",
            "EDT" => "-0400",
            "CST" or "MDT" => "-0600",
            "MST" or "PDT" => "-0700",
            "PST" => "-0800",
            var zone => zone,
        };

        // RFC 5322 §3.3: four digits and a sign; the platform would take fewer.
        return words[^1] is ['+' or '-', _, _, _, _]
            && DateTimeOffset.TryParseExact(string.Join(' ', words), Formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out date)
            && date.Year >= 1900;
    }
}
