using System.Net;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Route;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>What a try came to, for one recipient: its disposition, how far a failure reaches, and what was said.</summary>
public sealed record Outcome(Disposition Disposition, FailureScope? Scope, SmtpStage Stage, SmtpReply Reply)
{
    /// <summary>What the reply rules call a host's refusal; null if none of them knows it.</summary>
    public ReplyReason? Reason { get; init; }
}

/// <summary>The rule that gives an answer its meaning. The disposition decides what becomes of the
/// recipient, the scope what else waits: this address, this content, this host (the next one is tried), or
/// all that goes there.</summary>
public static class Verdict
{
    /// <summary>What a refusal means.</summary>
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

    /// <summary>What came of one recipient of a transaction.</summary>
    public static Outcome Of(SmtpRecipientResult result) => result.Outcome switch
    {
        SmtpRecipientOutcome.Accepted => new Outcome(Disposition.Delivered, null, result.Stage, result.Reply!),
        SmtpRecipientOutcome.Refused => Refused(result.Stage, result.Reply!),

        // No reply, and certainly nothing delivered: the next host may do better.
        SmtpRecipientOutcome.Failed => new Outcome(
            Disposition.Deferred, FailureScope.Host, result.Stage, Describe(result.Stage, result.Failure!.Value, result.Detail)),

        // Nobody knows; another host must not be tried at once. Design, contract 4.
        SmtpRecipientOutcome.Unknown => new Outcome(
            Disposition.Unknown, FailureScope.Recipient, result.Stage,
            SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 2),
                $"outcome unknown: the connection ended after the end of the data and before the reply ({result.Detail ?? result.Failure?.ToString()})")),
    };

    /// <summary>What a failure to get a session means.</summary>
    public static Outcome Of(SmtpConnectFailure failure) => failure.Reply is { } reply
        ? Refused(failure.Stage, reply)

        // A slip in our configuration: no host is at fault, and none is tried.
        : failure.Kind == SmtpFailureKind.NoLocalAddress
        ? new Outcome(Disposition.Deferred, FailureScope.Lane, failure.Stage, Describe(failure.Stage, failure.Kind, failure.Detail))
        : new Outcome(Disposition.Deferred, FailureScope.Host, failure.Stage, Describe(failure.Stage, failure.Kind, failure.Detail));

    /// <summary>What it means that a host's TLS policy can't be met: this host must not be used, now or for this message.</summary>
    public static Outcome Of(TlsDecision.Refuse refusal) => Refused(SmtpStage.Connect, refusal.Reply);

    /// <summary>What it means that as many connections as may be go to an address, or its network: another address may do.</summary>
    public static Outcome OfTooMany(string host, IPAddress address) =>
        Refused(SmtpStage.Connect, NotTried($"other mail has all the connections that may go to {host} [{address}] or its network"));

    /// <summary>Our own reply where there was no connection to try with. 4.4.5, system congestion; RFC 3463 §3.5</summary>
    public static SmtpReply NotTried(string why) => SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 5), $"not tried: {why}");

    /// <summary>No host was tried, for want of a connection (<see cref="NotTried"/>): that says nothing about the site.</summary>
    public static bool IsOfTooMany(Outcome outcome) => outcome is { Reply: { IsLocal: true, Enhanced: { Subject: 4, Detail: 5 } } };

    private static Outcome Refused(SmtpStage stage, SmtpReply reply)
    {
        var (disposition, scope) = Of(stage, reply);
        return new Outcome(disposition, scope, stage, reply);
    }

    private static SmtpReply Describe(SmtpStage stage, SmtpFailureKind kind, string? detail)
    {
        var (status, what) = kind switch
        {
            SmtpFailureKind.ConnectFailed => (new EnhancedStatusCode(4, 4, 1), "no connection"),
            SmtpFailureKind.NoLocalAddress => (new EnhancedStatusCode(4, 3, 5), "the egress source's address can't be used on this machine"),
            SmtpFailureKind.TimedOut => (new EnhancedStatusCode(4, 4, 1), "no answer in time"),
            SmtpFailureKind.Closed => (new EnhancedStatusCode(4, 4, 2), "the connection was closed"),
            SmtpFailureKind.ProtocolError => (new EnhancedStatusCode(4, 5, 0), "the host does not speak SMTP as it should"),
            SmtpFailureKind.TlsFailed => (new EnhancedStatusCode(4, 7, 5), "TLS failed"),
            SmtpFailureKind.Refused => (new EnhancedStatusCode(4, 0, 0), "refused"),
            SmtpFailureKind.Aborted => (new EnhancedStatusCode(4, 3, 2), "broken off by us"),
        };
        return SmtpReply.Local(451, status, $"{what} at {StageNames.Of(stage)}{(detail is null ? "" : ": " + detail)}");
    }
}

/// <summary>The stages in the words of SMTP, for attempts and events.</summary>
public static class StageNames
{
    public static string Of(SmtpStage stage) => stage switch
    {
        SmtpStage.Connect => "connect",
        SmtpStage.Greeting => "greeting",
        SmtpStage.Hello => "ehlo",
        SmtpStage.StartTls => "starttls",
        SmtpStage.Authenticate => "auth",
        SmtpStage.Reset => "rset",
        SmtpStage.MailFrom => "mail",
        SmtpStage.RcptTo => "rcpt",
        SmtpStage.Data => "data",
        SmtpStage.Content => "content",
        SmtpStage.EndOfData => "end of data",
        SmtpStage.Quit => "quit",
    };
}
