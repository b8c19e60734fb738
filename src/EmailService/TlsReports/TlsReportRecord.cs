using EmailService.Dns;
using EmailService.Mime;

namespace EmailService.TlsReports;

/// <summary>The TXT record at <c>_smtp._tls.domain</c>: where the domain wants its reports. RFC 8460 §3.</summary>
public static class TlsReportRecord
{
    /// <summary>Places that are looked at; a domain that names more does not get more.</summary>
    private const int MostPlaces = 5;

    private const int LongestPlace = 1000;
    private const string Version = "v=TLSRPTv1";

    /// <summary>Where the record is.</summary>
    public static string NameOf(string domain) => $"_smtp._tls.{domain}";

    /// <summary>The places of an answer's one record; none if there is no record, or more than one (RFC 8460 §3).</summary>
    public static IReadOnlyList<Uri> PlacesOf(DnsAnswer answer)
    {
        var records = answer.Records.OfType<TxtRecord>().Select(record => record.Text).Where(IsReport).Take(2).ToList();
        return records is [var only] ? Parse(only) : [];
    }

    /// <summary>Reads <c>v=TLSRPTv1; rua=mailto:reports@example.com,https://example.com/v1</c>. Never throws; what can't be used is left out.</summary>
    public static IReadOnlyList<Uri> Parse(string text)
    {
        var fields = IsReport(text) ? text.Split(';').Skip(1).Select(field => field.Trim(' ', '\t')) : [];
        var rua = fields.FirstOrDefault(field => field.StartsWith("rua=", StringComparison.Ordinal));
        return rua is null ? [] : [.. rua["rua=".Length..].Split(',').Select(ToPlace).OfType<Uri>().Distinct().Take(MostPlaces)];
    }

    /// <summary>The mailbox of a <c>mailto:</c> place; null for another.</summary>
    public static string? MailboxOf(Uri place) => place.Scheme == Uri.UriSchemeMailto ? MailboxOf(place.OriginalString) : null;

    // Header fields that the URI asks for (RFC 6068 §2) are no business of a report.
    private static string? MailboxOf(string mailto)
    {
        var address = mailto[(mailto.IndexOf(':', StringComparison.Ordinal) + 1)..].Split('?')[0];
        return EmailAddress.TryParse(Uri.UnescapeDataString(address), out var parsed, out _) && !parsed.NeedsSmtpUtf8 ? parsed.ToString() : null;
    }

    private static Uri? ToPlace(string text)
    {
        var place = text.Trim(' ', '\t');
        // RFC 3986 §2: a URI is printable ASCII. What is not would go into the database and the log as it is.
        return place.Length <= LongestPlace && !place.AsSpan().ContainsAnyExceptInRange('!', '~') && Uri.TryCreate(place, UriKind.Absolute, out var uri)
            && ((uri.Scheme == Uri.UriSchemeHttps && uri.Host.Length > 0) || MailboxOf(uri) is not null) ? uri : null;
    }

    private static bool IsReport(string text) =>
        text.StartsWith(Version, StringComparison.Ordinal) && text.AsSpan(Version.Length).TrimStart(" \t").StartsWith(";", StringComparison.Ordinal);
}
