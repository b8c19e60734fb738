using EmailService.Dns;

namespace EmailService.Route;

/// <summary>The TXT record at <c>_mta-sts.domain</c>: says that there is a policy, and when it has changed. RFC 8461 §3.1.</summary>
public static class MtaStsRecord
{
    private const string Version = "v=STSv1";

    /// <summary>The policy's id; null if the answer has no record that counts, or more than one.</summary>
    public static string? IdOf(DnsAnswer answer)
    {
        // Records of other makes are passed over; of two that are left, neither counts.
        var candidates = answer.Records.OfType<TxtRecord>().Select(record => record.Text).Where(IsSts).Take(2).ToList();
        return candidates is [var only] && TryParse(only, out var id) ? id : null;
    }

    /// <summary>Reads <c>v=STSv1; id=20160831085700Z;</c>. Never throws.</summary>
    /// <param name="id">1 to 32 letters and digits.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out string id)
    {
        id = "";
        if (!IsSts(text))
        {
            return false;
        }

        foreach (var range in text.Split(';'))
        {
            var field = text[range].Trim(" \t");
            if (id.Length == 0 && field.StartsWith("id=", StringComparison.Ordinal))
            {
                var value = field[3..];
                if (value.Length is < 1 or > 32 || !IsAlphanumeric(value))
                {
                    return false;
                }

                id = value.ToString();
            }
        }

        return id.Length > 0;
    }

    private static bool IsSts(string text) => IsSts(text.AsSpan());

    private static bool IsSts(ReadOnlySpan<char> text) =>
        text.StartsWith(Version, StringComparison.Ordinal) && text[Version.Length..].TrimStart(" \t").StartsWith(";", StringComparison.Ordinal);

    private static bool IsAlphanumeric(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c))
            {
                return false;
            }
        }

        return true;
    }
}
