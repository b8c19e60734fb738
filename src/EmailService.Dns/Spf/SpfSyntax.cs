namespace EmailService.Dns.Spf;

/// <summary>What can be said of an SPF record without asking anybody. RFC 7208 §4.5, §4.6.</summary>
public static class SpfSyntax
{
    /// <summary>Whether a TXT record is an SPF record.</summary>
    /// <param name="text">The record, its strings joined.</param>
    public static bool IsSpf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return SpfRecord.IsSpf(text);
    }

    /// <summary>Why a record is an error to everybody; null if it can be read.</summary>
    /// <param name="text">A text that <see cref="IsSpf"/> is true of.</param>
    public static string? Problem(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return SpfRecord.TryParse(text, out _, out var problem) ? null : problem;
    }
}
