using EmailService.Messages;
using EmailService.Smtp;

namespace EmailService.Record;

/// <summary>SendGrid's words for a bounce: its type (<c>bounce</c> is about the address, <c>blocked</c> about everything
/// else) and its class. What a reply means is for <see cref="ReplyRules"/> to say; a message that waited too long is
/// <c>Technical</c> whatever was said last.</summary>
public static class BounceClass
{
    /// <param name="rules">The rules to ask; those that come with the program if none are given.</param>
    public static (string Type, string Classification) Of(SmtpReply reply, FailureScope? scope, RecipientState end, ReplyRules? rules = null)
    {
        if (end == RecipientState.Expired)
        {
            return ("blocked", ReplyReason.Technical);
        }

        var meaning = (rules ?? ReplyRules.Shipped).Classify(reply, scope);
        return (meaning.Kind == BounceKind.Hard ? "bounce" : "blocked", meaning.Reason.Class);
    }
}
