using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmailService.Messages;
using EmailService.Mime;
using EmailService.Record;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.Tests.Record;

/// <summary>A reply that a bounce mail shows, and what the origin of the mails says about it.</summary>
/// <param name="IsSmtp">False for a diagnosis without a reply code: the sending system's own words.</param>
internal sealed record BounceRow(string File, SmtpReply Reply, FailureScope? Scope, bool IsSmtp, string Reason, bool Hard)
{
    /// <summary>Half of the mails were looked at when the rules were written, the other half not.</summary>
    public bool IsHeldOut { get; } = HoldsOut(File);

    public static bool HoldsOut(string file) => (SHA256.HashData(Encoding.UTF8.GetBytes("classify-1:" + file))[0] & 1) == 1;
}

/// <summary>Finds the replies inside real bounce mails, tolerantly; a test's tool, the service reads bounces by other means.</summary>
internal static partial class BounceMails
{
    private sealed record Expected(string Status, [property: System.Text.Json.Serialization.JsonPropertyName("smtp_code")] string Smtp_code, string Reason, bool Hard);

    public static (List<BounceRow> Rows, List<(string Text, bool HeldOut)> Without) Read()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "Data", "bounces", "sisimai");
        var expected = JsonSerializer.Deserialize<Dictionary<string, List<Expected>>>(
            File.ReadAllText(Path.Combine(folder, "expected.json")), JsonSerializerOptions.Web)!;
        var rows = new List<BounceRow>();
        var without = new List<(string, bool)>();
        foreach (var (file, all) in expected.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            // An auto-reply and a notice of success are no bounces.
            var wanted = all.Where(row => row.Reason is not ("vacation" or "delivered")).ToList();
            if (wanted.Count == 0)
            {
                continue;
            }

            var (texts, reports) = Parts(File.ReadAllBytes(Path.Combine(folder, "mails", file)));
            var candidates = Candidates(texts, reports);
            foreach (var row in wanted)
            {
                // The origin's code only picks among the replies of one mail.
                var found = candidates.FirstOrDefault(c => c.IsSmtp && row.Smtp_code.Length > 0 && c.Reply.Code == int.Parse(row.Smtp_code, CultureInfo.InvariantCulture)
                        && (wanted.Count == 1 || c.Reply.Enhanced is null || c.Reply.Enhanced.ToString() == row.Status))
                    ?? candidates.FirstOrDefault();
                if (found is null)
                {
                    without.Add(($"{file} {row.Smtp_code} {row.Reason}", BounceRow.HoldsOut(file)));
                    continue;
                }

                if (wanted.Count > 1)
                {
                    candidates.Remove(found);
                }

                rows.Add(new BounceRow(file, found.Reply, found.Scope, found.IsSmtp, row.Reason, row.Hard));
            }
        }

        return (rows, without);
    }

    private sealed record Candidate(SmtpReply Reply, FailureScope? Scope, bool IsSmtp);

    private static List<Candidate> Candidates(string text, string reports)
    {
        var scope = Scope(text);
        var found = new List<Candidate>();
        var codeless = new List<Candidate>();
        var source = reports.Length > 0 ? reports : text;
        foreach (Match match in Diagnostic().Matches(source))
        {
            var value = Fold().Replace(match.Groups[1].Value, " ").Trim();
            if (CodeInside().Match(value) is { Success: true } inside && ReplyText.TryParse(value[inside.Groups[1].Index..], out var reply))
            {
                found.Add(new Candidate(reply, scope, IsSmtp: true));
            }
            else
            {
                // Up to here it is no reply: 500 and 400 are codes that no host uses for an address.
                var status = StatusBefore(source, match.Index);
                var words = value[(value.IndexOf(';', StringComparison.Ordinal) + 1)..].Trim();
                if (EnhancedStatusCode.TryReadPrefix(words, out var own, out var length))
                {
                    status = own;
                    words = words[length..].Trim();
                    codeless.Add(new Candidate(new SmtpReply(own.Class == 4 ? 450 : 550, own, words), scope, IsSmtp: false));
                }
                else
                {
                    codeless.Add(new Candidate(new SmtpReply(status?.Class == 4 ? 400 : 500, status, words), scope, IsSmtp: false));
                }
            }
        }

        if (found.Count == 0)
        {
            foreach (Match match in ReplyInText().Matches(text))
            {
                if (ReplyText.TryParse(match.Groups[1].Value, out var reply) && reply.Code >= 400)
                {
                    found.Add(new Candidate(reply, scope, IsSmtp: true));
                }
            }
        }

        found.AddRange(codeless);
        return found;
    }

    private static FailureScope? Scope(string text) =>
        Pipelined().IsMatch(text) ? FailureScope.Recipient
        : AfterData().IsMatch(text) ? FailureScope.Message
        : AfterMail().IsMatch(text) ? FailureScope.Message
        : AfterRcpt().IsMatch(text) ? FailureScope.Recipient
        : null;

    private static EnhancedStatusCode? StatusBefore(string source, int at)
    {
        var status = Status().Matches(source).OrderBy(m => Math.Abs(m.Index - at)).FirstOrDefault();
        return status is not null && EnhancedStatusCode.TryParse(status.Groups[1].Value, out var code) ? code : null;
    }

    /// <summary>What a person reads, without the returned message; and the machine's reports.</summary>
    private static (string Text, string Reports) Parts(byte[] mail)
    {
        var text = new StringBuilder();
        var reports = new StringBuilder();
        var root = MailReading.ReadMessage(mail).Body!;
        foreach (var part in root.Walk().Where(part => part is MimeKit.MimePart))
        {
            var type = part.Type();
            if (type.Equals("message/delivery-status", StringComparison.OrdinalIgnoreCase))
            {
                reports.Append(part.Text()).Append("\n\n");
            }
            else if (type.Equals("text/plain", StringComparison.OrdinalIgnoreCase))
            {
                text.Append(part.Text()).Append("\n\n");
            }
        }

        var plain = text.ToString().Replace("\r\n", "\n", StringComparison.Ordinal);
        var end = Returned().Match(plain);
        return (end.Success ? plain[..end.Index] : plain, reports.ToString().Replace("\r\n", "\n", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^Diagnostic[- ]Code:[ \t]*(.*(?:\n[ \t]+\S.*)*)", RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex Diagnostic();

    [GeneratedRegex(@"^Status:[ \t]*([245]\.\d{1,3}\.\d{1,3})", RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex Status();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Fold();

    [GeneratedRegex(@"(?:^|[\s;'""<(:])([45]\d\d(?:[ -]|$).*)")]
    private static partial Regex CodeInside();

    // A reply begins after a line's start, a colon, a bracket or an arrow, and goes on until an empty line or the next prompt.
    [GeneratedRegex(@"(?:^|[:;<>\[('""]|was: *\n?)[ \t]*([45]\d\d[ -][^\n]*(?:\n(?![ \t]*(?:$|>|<<<|<|--|\[|[2-5]\d\d (?![245]\.)\S+ \(smtp\)|\S+@\S+\s*$|SMTP error|[Ww]hile talking|Giving up|I'm not|Final|Action|.*\(smtp\)\.\.\.|.*<[^>]*>\.\.\. ))[^\n]+){0,8})", RegexOptions.Multiline)]
    private static partial Regex ReplyInText();

    // Sendmail shows the answer to RCPT below DATA when both went out together.
    [GeneratedRegex(@">>>[ >]*DATA\s+<<<\s*[45]\d\d[^\n]*\n(?:[> \t]*[45]\d\d[^\n]*\n)*[> \t]*<<<\s*(?:503|554)[^\n]*(?:RCPT|recipient)", RegexOptions.IgnoreCase)]
    private static partial Regex Pipelined();

    [GeneratedRegex(@"end of data|>>>[ >]*DATA\s+<<<\s*[45]|>>>[ >]*\.\s+<<<\s*[45]|failed after I sent the message|SMTP command\s+DATA|reply to (?:end of )?DATA|\[(?:DATA|BODY|DATA_END)\]", RegexOptions.IgnoreCase)]
    private static partial Regex AfterData();

    [GeneratedRegex(@"after MAIL FROM|did not like our MAIL|sender was rejected|reply to MAIL|\[MAIL_FROM\]", RegexOptions.IgnoreCase)]
    private static partial Regex AfterMail();

    [GeneratedRegex(@"after RCPT TO|did not like our RCPT|reply to RCPT|does not like recipient|following RCPT|\[RCPT_TO\]|>>> ?RCPT TO", RegexOptions.IgnoreCase)]
    private static partial Regex AfterRcpt();

    [GeneratedRegex(@"^(?:--- ?Below this line|--- Enclosed is|-+ ?(?:Original message|Unsent message|This is a copy|Original mail|The header of|original mail info)|-+ ?Message (?:headers|header) follow|Message headers follow|Received:|Return-Path:|Included is a copy|--- The header)", RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex Returned();
}
