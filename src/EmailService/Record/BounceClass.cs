using EmailService.Messages;
using EmailService.Smtp;

namespace EmailService.Record;

/// <summary>SendGrid's words for a bounce: its type (<c>bounce</c> is about the address, <c>blocked</c> about everything
/// else) and its class. From the enhanced status code (RFC 3463 §3); a reply without one stays unclassified.</summary>
public static class BounceClass
{
    public static (string Type, string Classification) Of(SmtpReply reply, FailureScope? scope, RecipientState end)
    {
        var classification = end == RecipientState.Expired ? "Technical" : Classify(reply.Enhanced);
        return (classification == "Invalid Address" ? "bounce" : "blocked", classification);
    }

    private static string Classify(EnhancedStatusCode? status) => status switch
    {
        // x.1.7 and x.1.8 blame the sender's address, the others the recipient's.
        { Subject: 1, Detail: 7 or 8 } => "Reputation",
        { Subject: 1 } => "Invalid Address",
        { Subject: 2, Detail: 2 } => "Mailbox Unavailable",
        { Subject: 2, Detail: 3 } => "Content",
        { Subject: 2 } => "Mailbox Unavailable",
        { Subject: 3, Detail: 4 } => "Content",
        { Subject: 3 or 4 or 5 } => "Technical",
        { Subject: 6 } => "Content",
        { Subject: 7 } => "Reputation",
        _ => "Unclassified",
    };
}
