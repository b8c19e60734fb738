using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EmailService.Accept;
using EmailService.Messages;

namespace EmailService.TlsReports;

/// <summary>A report as a message of ours: through the outbox like any other, signed by the sender's domain. RFC 8460 §5.3.</summary>
public sealed class TlsReportMail(OwnMail mail, TlsReportsOptions options)
{
    // RFC 8460 §5.5.
    private static readonly TimeSpan Expiry = TimeSpan.FromHours(24);

    /// <summary>Null when it is in the outbox, else why not.</summary>
    public async Task<string?> SendAsync(int accountId, TlsReport report, string to, CancellationToken cancellation)
    {
        var request = Request(report, to);

        // Of the same report to the same mailbox the second is not taken: we may have died between taking the first and writing that down.
        var name = SHA256.HashData(Encoding.UTF8.GetBytes($"{report.Id}\n{to}"));
        var key = new IdempotencyKey($"tls-report-{Convert.ToHexStringLower(name)}", name);
        return await mail.AcceptAsync(accountId, request, key, Expiry, cancellation) switch
        {
            AcceptResult.Accepted => null,
            AcceptResult.Unavailable unavailable => unavailable.Reason,
            var other => $"not taken: {other}",
        };
    }

    private SendRequest Request(TlsReport report, string to)
    {
        var file = report.ToGzip();
        return new SendRequest
        {
            Content = new MessageContent
            {
                From = new MailAddress(options.From!),
                // RFC 8460 §5.3: fields in this order.
                Subject = $"Report Domain: {report.Domain} Submitter: {report.Submitter} Report-ID: <{report.Id}>",
                Bodies = [new MessageBody("text/plain", string.Create(
                    CultureInfo.InvariantCulture,
                    $"This is an aggregate TLS report (RFC 8460) from {report.Submitter} about mail to {report.Domain}.\nIt is meant for programs; the attachment is JSON under gzip.\n"))],
                Attachments = [new MessageAttachment(report.FileName, "application/tlsrpt+gzip", file)],
                Headers = new Dictionary<string, string>
                {
                    ["TLS-Report-Domain"] = report.Domain,
                    ["TLS-Report-Submitter"] = report.Submitter,

                    // RFC 8460 §3: a report goes out whatever is wrong with TLS there, which is what it is about. RFC 8689 §5.
                    ["TLS-Required"] = "No",
                },
                ReportType = "tlsrpt",
            },
            Messages = [new RequestedMessage(new Personalization { To = [new MailAddress(to)] }, null, new Dictionary<string, string>())],
            Categories = ["tls-report"],
            Size = file.Length,
        };
    }
}
