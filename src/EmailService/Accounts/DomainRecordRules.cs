namespace EmailService.Accounts;

/// <summary>Whether what DNS has is what is needed: null if so, else what to do.</summary>
internal static class DomainRecordRules
{
    public static string? Dkim(DomainRecord record, string[] found)
    {
        var expected = KeyOf(record.Expected);
        if (found.Length == 0)
        {
            return $"Publish the TXT record at {record.Name}. A change may take until the old answer's time to live is over.";
        }

        // RFC 6376 §3.6.2.2: with more than one record the result is undefined, so one good among others is not good.
        if (found.Length > 1 && found.Any(text => KeyOf(text) == expected))
        {
            return $"The right record is there, but so {(found.Length == 2 ? "is another" : "are others")} at the same name. Remove what is not the expected one.";
        }

        return KeyOf(found[0]) switch
        {
            var key when key == expected => null,
            null => $"The TXT record at {record.Name} has no p= tag. Replace it by the expected one.",
            "" => $"The TXT record at {record.Name} has an empty p= tag, which means that the key is revoked. Replace it by the expected one.",
            var key when expected!.StartsWith(key, StringComparison.Ordinal) =>
                $"The key at {record.Name} is cut off after {key.Length} of {expected.Length} characters. Publish all of it, as several strings of at most 255 characters if the DNS panel asks for that.",
            _ => $"The TXT record at {record.Name} has another key. Replace it by the expected one.",
        };
    }

    public static string? Spf(DomainRecord record, string[] found, string hostName)
    {
        var spf = found.Where(text => text.Equals("v=spf1", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("v=spf1 ", StringComparison.OrdinalIgnoreCase)).ToArray();
        return spf switch
        {
            [] => $"Publish the TXT record {record.Expected} at {record.Name}.",
            // RFC 7208 §4.5
            [_, _, ..] => $"There are {spf.Length} SPF records at {record.Name}, which is an error to those who check. Leave one.",
            [var one] when one.Split(' ').Any(term => term.TrimStart('+').Equals($"a:{hostName}", StringComparison.OrdinalIgnoreCase)
                || term.TrimStart('+').Equals("mx", StringComparison.OrdinalIgnoreCase)
                || term.StartsWith("ip4:", StringComparison.OrdinalIgnoreCase) || term.StartsWith("ip6:", StringComparison.OrdinalIgnoreCase)
                || term.StartsWith("include:", StringComparison.OrdinalIgnoreCase)) => null,
            [_] => $"The SPF record at {record.Name} does not name this service. Add a:{hostName} to it.",
        };
    }

    public static string? Mx(DomainRecord record, string[] found, string hostName) =>
        found.Length == 0 ? $"Publish the MX record {record.Expected} at {record.Name}."
        : found.Any(text => text[(text.IndexOf(' ', StringComparison.Ordinal) + 1)..].Equals(hostName, StringComparison.OrdinalIgnoreCase)) ? null
        : $"The MX records at {record.Name} do not name {hostName}. Replace them by {record.Expected}.";

    // RFC 7489 §6.6.3: only records that begin so are looked at.
    public static bool IsDmarc(string[] found) =>
        found.Any(text => text.StartsWith("v=DMARC1", StringComparison.Ordinal));

    /// <summary>The p= tag without white space (RFC 6376 §3.2); null if there is none.</summary>
    private static string? KeyOf(string record)
    {
        foreach (var tag in record.Split(';'))
        {
            var equals = tag.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && tag[..equals].Trim() == "p")
            {
                return string.Concat(tag[(equals + 1)..].Where(c => !char.IsWhiteSpace(c)));
            }
        }

        return null;
    }
}
