using EmailService.Messages;

namespace EmailService.Notify;

/// <summary>One made-up event of each kind that a webhook asks for, to try a receiver with.</summary>
internal static class SampleEvents
{
    public static List<LoggedEvent> Of(int accountId, IEnumerable<string> kinds, DateTimeOffset now)
    {
        var message = MessageId.NewRequest(now);
        return
        [
            .. from name in kinds
               let kind = Names.TryParseEventKind(name, out var known) ? known : EventKind.Processed
               orderby kind
               select new LoggedEvent
               {
                   // No event of the log has an id below 1.
                   Place = new LogPlace(0, -(long)kind),
                   AccountId = accountId,
                   Recipient = new RecipientId(message, 0),
                   Kind = kind,
                   At = now,
                   Address = kind.IsAboutDomain() ? "example.org" : "recipient@example.com",
                   Attempt = 1,
                   Detail = DetailOf(kind),
                   FromAddress = kind.IsAboutDomain() ? null : "sender@example.org",
                   Categories = kind.IsAboutDomain() ? null : ["webhook test"],
               },
        ];
    }

    private static string? DetailOf(EventKind kind) => kind switch
    {
        EventKind.Deferred => """{"reply":"451 4.3.0 Try again later","status":"4.3.0","tls":true}""",
        EventKind.Delivered => """{"reply":"250 2.0.0 OK","status":"2.0.0","tls":true}""",
        EventKind.Bounced => """{"reply":"550 5.1.1 No such user","status":"5.1.1","tls":true,"type":"bounce","classification":"Invalid Address"}""",
        EventKind.Expired => """{"reply":"451 4.3.0 Try again later","status":"4.3.0","tls":true,"type":"blocked"}""",
        EventKind.DomainFailing or EventKind.DomainUnverified => """{"problem":"Publish the TXT record at es202601._domainkey.example.org."}""",
        EventKind.Accepted or EventKind.Processed or EventKind.Unknown or EventKind.Suppressed or EventKind.Cancelled => null,
    };
}
