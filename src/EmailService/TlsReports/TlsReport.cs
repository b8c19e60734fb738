using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Record;

namespace EmailService.TlsReports;

/// <summary>Who reports.</summary>
/// <param name="Domain">Of the address that reports come from.</param>
public sealed record TlsReporter(string Organization, string Contact, string Domain);

/// <summary>One domain's report of one day. The same counts always give the same bytes. RFC 8460 §4 and §5.1.</summary>
public sealed class TlsReport(TlsReporter reporter, string domain, DateOnly day, IReadOnlyList<TlsCount> counts)
{
    /// <summary>Kinds of failure that are told apart under one policy, the most frequent first; the rest are in the sums only.</summary>
    private const int MostDetails = 1000;

    public string Domain => domain;

    public string Submitter => reporter.Domain;

    /// <summary>The same at each try, so that a receiver knows a second copy. RFC 8460 §4.4.</summary>
    public string Id { get; } = string.Create(
        CultureInfo.InvariantCulture,
        $"{day:yyyy-MM-dd}.{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(domain)))[..16]}@{reporter.Domain}");

    /// <summary>RFC 8460 §5.1.</summary>
    public string FileName { get; } = string.Create(
        CultureInfo.InvariantCulture, $"{reporter.Domain}!{domain}!{Start(day).ToUnixTimeSeconds()}!{End(day).ToUnixTimeSeconds()}.json.gz");

    /// <summary>The JSON under gzip. RFC 8460 §5.2.</summary>
    public byte[] ToGzip()
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Optimal))
        using (var json = new Utf8JsonWriter(gzip))
        {
            Write(json);
        }

        return buffer.ToArray();
    }

    // RFC 8460 §4.1: a day of UTC, from its first second to its last.
    private static DateTimeOffset Start(DateOnly day) => new(day, TimeOnly.MinValue, TimeSpan.Zero);

    private static DateTimeOffset End(DateOnly day) => Start(day).AddDays(1).AddSeconds(-1);

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("organization-name", reporter.Organization);
        json.WriteStartObject("date-range");
        json.WriteString("start-datetime", Text(Start(day)));
        json.WriteString("end-datetime", Text(End(day)));
        json.WriteEndObject();
        json.WriteString("contact-info", reporter.Contact);
        json.WriteString("report-id", Id);
        json.WriteStartArray("policies");
        foreach (var policy in counts.GroupBy(count => count.Session.Policy).OrderBy(policy => policy.Key.ToString(), StringComparer.Ordinal))
        {
            WritePolicy(json, policy.Key, [.. policy]);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WritePolicy(Utf8JsonWriter json, AppliedTlsPolicy policy, IReadOnlyList<TlsCount> sessions)
    {
        json.WriteStartObject();
        json.WriteStartObject("policy");
        json.WriteString("policy-type", policy.Type.ToName());
        WriteLines(json, "policy-string", policy.Text);
        json.WriteString("policy-domain", policy.Domain);
        WriteLines(json, "mx-host", policy.MxHosts);
        json.WriteEndObject();

        json.WriteStartObject("summary");
        json.WriteNumber("total-successful-session-count", sessions.Where(count => count.Session.Failure is null).Sum(count => count.Sessions));
        json.WriteNumber("total-failure-session-count", sessions.Where(count => count.Session.Failure is not null).Sum(count => count.Sessions));
        json.WriteEndObject();

        json.WriteStartArray("failure-details");
        foreach (var count in sessions.Where(count => count.Session.Failure is not null)
            .OrderByDescending(count => count.Sessions).ThenBy(count => count.Session.Failure!.ToString(), StringComparer.Ordinal).Take(MostDetails))
        {
            WriteFailure(json, count.Session.Failure!, count.Sessions);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteFailure(Utf8JsonWriter json, TlsFailure failure, long sessions)
    {
        json.WriteStartObject();
        json.WriteString("result-type", failure.Type.ToName());
        WriteIfKnown(json, "sending-mta-ip", failure.SendingAddress);
        WriteIfKnown(json, "receiving-mx-hostname", failure.MailHost);
        WriteIfKnown(json, "receiving-ip", failure.ReceivingAddress);
        json.WriteNumber("failed-session-count", sessions);
        WriteIfKnown(json, "failure-reason-code", failure.Reason);
        json.WriteEndObject();
    }

    private static void WriteLines(Utf8JsonWriter json, string name, string lines)
    {
        if (lines.Length == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var line in lines.Split('\n'))
        {
            json.WriteStringValue(line);
        }

        json.WriteEndArray();
    }

    private static void WriteIfKnown(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static string Text(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
