using EmailService.Dns.Spf;
using EmailService.Mime.Dkim;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary>Whether what DNS has is what is needed: null if so, else what to do.</summary>
internal static class DomainRecordRules
{
    /// <summary>The verdict of a verifier on the key record, and what to do. A record that is accepted may have something odd about it.</summary>
    /// <param name="record">What ought to be there.</param>
    /// <param name="found">The TXT records at its name, one character for each octet.</param>
    public static DkimRecordVerdict Dkim(DomainRecord record, IReadOnlyList<string> found)
    {
        if (found.Count == 0)
        {
            return new(false, $"Publish the TXT record at {record.Name}. A change may take until the old answer's time to live is over.");
        }

        var verdicts = found.Take(MostRead).Select(text => DkimRecordCheck.Check(text, record.Expected!)).ToList();

        // RFC 6376 §3.6.2.2: with more than one record the result is undefined, so one good among others is not good.
        if (found.Count > 1 && verdicts.Exists(verdict => verdict.IsAccepted))
        {
            return new(false, $"The right record is there, but so {(found.Count == 2 ? "is another" : "are others")} at the same name. Remove what is not the expected one.");
        }

        return verdicts[0].IsAccepted
            ? new(true, verdicts[0].Problem is { } odd ? $"The TXT record at {record.Name} works, but {odd}" : null)
            : new(false, $"No verifier accepts our signature with the TXT record at {record.Name}: {verdicts[0].Problem} Replace the record by the expected one.");
    }

    /// <summary>What is wrong with the SPF records whoever sends: none, several, one that cannot be read.</summary>
    public static string? Spf(DomainRecord record, IReadOnlyList<string> found)
    {
        var spf = found.Where(SpfSyntax.IsSpf).ToArray();
        return spf switch
        {
            [] => found.FirstOrDefault(text => text.Contains("v=spf1", StringComparison.OrdinalIgnoreCase)) is { } near
                ? $"The TXT record at {record.Name} does not begin with \"v=spf1 \" and so is no SPF record: quotes, a backslash or other text stand around it. Replace it by {Shown(record)}."
                : $"Publish the TXT record {Shown(record)} at {record.Name}.",
            // RFC 7208 §4.5
            [_, _, ..] => $"There are {spf.Length} SPF records at {record.Name}, which is an error to those who check. Leave one, and put the terms of all into it.",
            [var one] => SpfSyntax.Problem(one) is { } problem
                ? $"The SPF record at {record.Name} is an error to those who check: {OneLine.OfOctets(problem, 300)} (RFC 7208 §4.6). Replace it by {Shown(record)}."
                : null,
        };
    }

    /// <summary>Any mail host will do; a null MX says that no mail comes from there (RFC 7505 §4.2).</summary>
    public static string? Mx(DomainRecord record, IReadOnlyList<string> found) =>
        found.Count == 0 ? $"Publish the MX record {record.Expected} at {record.Name}."
        : found.Any(text => !text.EndsWith(" .", StringComparison.Ordinal)) ? null
        : $"The MX record at {record.Name} says that the name takes no mail (null MX, RFC 7505), and mail hosts refuse a reverse-path there. Replace it by {record.Expected}.";

    // RFC 7489 §6.6.3: only records that begin so are looked at.
    public static bool IsDmarc(IEnumerable<string> found) =>
        found.Any(text => text.StartsWith("v=DMARC1", StringComparison.Ordinal));

    /// <summary>Records of one name that are looked at.</summary>
    internal const int MostRead = 16;

    private static string Shown(DomainRecord record) => record.Expected ?? "of this service, once it can be said";
}
