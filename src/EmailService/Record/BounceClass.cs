using EmailService.Messages;

namespace EmailService.Record;

/// <summary>SendGrid's words for a bounce: its type (<c>bounce</c> is about the address, <c>blocked</c> about everything
/// else) and its class. What a reply means is for <see cref="ReplyRules"/> to say; a message that waited too long is
/// <c>Technical</c> whatever was said last.</summary>
public static class BounceClass
{
    public static (string Type, string Classification) Of(ReplyMeaning meaning, RecipientState end) =>
        end == RecipientState.Expired
            ? ("blocked", ReplyReason.Technical)
            : (meaning.Kind == BounceKind.Hard ? "bounce" : "blocked", meaning.Reason.Class);
}
