using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary>Records in the forms that DNS panels and tools take. Pure. Records that cannot be said yet are left out of those that a program reads.</summary>
internal static class DomainRecordFormats
{
    private const int TimeToLive = 3600;

    private static readonly JsonSerializerOptions indented = new(ApiJson.Options) { WriteIndented = true };

    // What others read has the names that they give: no rule changes them.
    private static readonly JsonSerializerOptions foreign = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyList<string> Names { get; } = ["table", "zone", "route53", "cloudflare", "terraform", "json"];

    /// <param name="format">One of <see cref="Names"/>.</param>
    /// <param name="records">All records of a domain.</param>
    /// <param name="domain">The domain.</param>
    public static string Write(string format, IReadOnlyList<DomainRecord> records, string domain)
    {
        var sayable = records.Where(record => record.Expected is not null).ToList();
        return format switch
        {
            "table" => Table(records, domain),
            "zone" => Zone(sayable, records, domain),
            "route53" => Route53(sayable, domain),
            "cloudflare" => Cloudflare(sayable),
            "terraform" => Terraform(sayable, domain),
            "json" => JsonSerializer.Serialize(new { Domain = domain, Records = records }, indented) + "\n",
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, $"expected {string.Join(", ", Names)}"),
        };
    }

    /// <summary>For people: each part on a line of its own, so that a double click takes it.</summary>
    private static string Table(IReadOnlyList<DomainRecord> records, string domain)
    {
        var text = new StringBuilder();
        foreach (var record in records)
        {
            text.Append(CultureInfo.InvariantCulture, $"{record.Type} for {record.Purpose}, {(record.Required ? "needed" : "recommended")}. {record.Why}\n");
            text.Append(CultureInfo.InvariantCulture, $"  name      {record.Name}\n            {record.RelativeName}   (where the panel adds {domain} by itself)\n");
            text.Append(CultureInfo.InvariantCulture, $"  value     {record.Value ?? "(not known yet)"}\n");
            if (record.Priority is { } priority)
            {
                text.Append(CultureInfo.InvariantCulture, $"  priority  {priority}\n");
            }

            if (record.Strings is { Count: > 1 } strings)
            {
                text.Append(CultureInfo.InvariantCulture, $"  strings   for panels that take at most {DomainRecord.MaxStringOctets} characters in one:\n{string.Concat(strings.Select(s => $"            \"{s}\"\n"))}");
            }

            if (record.Expected is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"  to do     {record.WhatToDo}\n");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>RFC 1035 §5.1, with absolute names: it may be pasted or included anywhere in the zone's file, or imported into a panel.</summary>
    private static string Zone(IReadOnlyList<DomainRecord> records, IReadOnlyList<DomainRecord> all, string domain)
    {
        var text = new StringBuilder($"; EmailService's records for {domain}\n");
        foreach (var missing in all.Where(record => record.Expected is null))
        {
            text.Append(CultureInfo.InvariantCulture, $"; {missing.Type} at {missing.Name}: {missing.WhatToDo}\n");
        }

        foreach (var record in records)
        {
            var data = record.Strings is { } strings
                ? string.Join(strings.Count > 1 ? "\n    " : " ", strings.Select(Quoted)) is var joined && strings.Count > 1 ? $"(\n    {joined} )" : joined
                : $"{record.Priority} {record.Value}.";
            text.Append(CultureInfo.InvariantCulture, $"{record.Name}. {TimeToLive} IN {record.Type} {data}\n");
        }

        return text.ToString();
    }

    /// <summary>A change batch for <c>aws route53 change-resource-record-sets --change-batch file://…</c>. CREATE and not UPSERT: a record that is there, such as a
    /// stricter DMARC policy, is never replaced; the call then changes nothing and names it.</summary>
    private static string Route53(IReadOnlyList<DomainRecord> records, string domain) => JsonSerializer.Serialize(
        new
        {
            Comment = $"EmailService's records for {domain}",
            Changes = records.Select(record => new
            {
                Action = "CREATE",
                ResourceRecordSet = new
                {
                    Name = record.Name + ".",
                    record.Type,
                    TTL = TimeToLive,
                    ResourceRecords = new[] { new { Value = record.Strings is { } strings ? string.Join(' ', strings.Select(Quoted)) : $"{record.Priority} {record.Value}." } },
                },
            }),
        },
        foreign) + "\n";

    /// <summary>The body of <c>POST /zones/{zone_id}/dns_records/batch</c>; 1 is Cloudflare's word for "automatic".</summary>
    private static string Cloudflare(IReadOnlyList<DomainRecord> records) => JsonSerializer.Serialize(
        new
        {
            posts = records.Select(record =>
            {
                var post = new Dictionary<string, object>
                {
                    ["type"] = record.Type,
                    ["name"] = record.Name,
                    ["content"] = record.Strings is { } strings ? string.Join(' ', strings.Select(Quoted)) : record.Value!,
                    ["ttl"] = 1,
                    ["comment"] = $"EmailService: {record.Purpose}",
                };
                if (record.Priority is { } priority)
                {
                    post["priority"] = priority;
                }

                return post;
            }),
        },
        foreign) + "\n";

    /// <summary>Resources of Terraform's AWS provider; its TXT records are given without the outer quotes, <c>""</c> between strings.</summary>
    private static string Terraform(IReadOnlyList<DomainRecord> records, string domain)
    {
        var text = new StringBuilder("variable \"zone_id\" {\n  type        = string\n");
        text.Append(CultureInfo.InvariantCulture, $"  description = \"The Route 53 hosted zone that holds {domain}\"\n}}\n");
        foreach (var record in records)
        {
            var value = record.Strings is { } strings ? string.Join("\"\"", strings.Select(Escaped)) : $"{record.Priority} {record.Value}.";
            text.Append(CultureInfo.InvariantCulture, $$"""

                resource "aws_route53_record" "{{Identifier($"{domain}_{record.Purpose}")}}" {
                  zone_id = var.zone_id
                  name    = {{Hcl(record.Name)}}
                  type    = "{{record.Type}}"
                  ttl     = {{TimeToLive}}
                  records = [{{Hcl(value)}}]
                }

                """);
        }

        return text.ToString();
    }

    /// <summary>A character string of a zone file. RFC 1035 §5.1: quotes and backslashes are escaped, octets that are not printable ASCII are three digits.</summary>
    internal static string Quoted(string text) => $"\"{Escaped(text)}\"";

    private static string Escaped(string text) => string.Concat(text.Select(c => c switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        < ' ' or > '~' => string.Create(CultureInfo.InvariantCulture, $"\\{(int)c:000}"),
        _ => c.ToString(),
    }));

    /// <summary>A quoted template of HCL: besides quotes and backslashes, <c>${</c> and <c>%{</c> begin something.</summary>
    internal static string Hcl(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("${", "$${", StringComparison.Ordinal).Replace("%{", "%%{", StringComparison.Ordinal)}\"";

    private static string Identifier(string text)
    {
        var plain = string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_'));
        return char.IsAsciiDigit(plain[0]) ? "_" + plain : plain;
    }
}
