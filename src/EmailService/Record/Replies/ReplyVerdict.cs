using EmailService.Messages;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Record;

/// <summary>What a refusal means for its recipient, and how far it reaches: by stage and code alone. Delivering goes by this rule, and
/// <c>classify</c> says what it comes to.</summary>
public static class ReplyVerdict
{
    public static (Disposition Disposition, FailureScope Scope) Of(SmtpStage stage, SmtpReply reply) => (stage, reply) switch
    {
        // 421 closes the channel whatever was asked. RFC 5321 §3.8
        (_, { Code: 421 }) => (Disposition.Deferred, FailureScope.Host),

        // Our own answer when a host does not offer what the message needs: SMTPUTF8, room for its size, REQUIRETLS. Another may.
        // RFC 6531 §3.2, RFC 1870 §6.1, RFC 8689 §4.2.1
        (_, { IsLocal: true, IsPermanent: true }) => (Disposition.Bounced, FailureScope.Host),

        // 552 after RCPT is the old spelling of 452, too many recipients. RFC 5321 §4.5.3.1.10
        (SmtpStage.RcptTo, { Code: 552, Enhanced: null }) => (Disposition.Deferred, FailureScope.Recipient),

        // 503 says that we lost step with the host, not that the address is bad.
        (_, { Code: 503 }) => (Disposition.Deferred, FailureScope.Host),

        // Before MAIL nobody has been named yet: whatever the code, it is about this host and us. A host that
        // blocks our address greets with 554; another MX may not, and the block may be lifted within the day.
        ( < SmtpStage.Reset, _) => (Disposition.Deferred, FailureScope.Host),
        (SmtpStage.Reset or SmtpStage.Quit, _) => (Disposition.Deferred, FailureScope.Host),

        (SmtpStage.RcptTo, { IsPermanent: true }) => (Disposition.Bounced, FailureScope.Recipient),
        (SmtpStage.RcptTo, _) => (Disposition.Deferred, FailureScope.Recipient),
        (_, { IsPermanent: true }) => (Disposition.Bounced, FailureScope.Message),
        _ => (Disposition.Deferred, FailureScope.Message),
    };
}
