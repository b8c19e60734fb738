using System.Net;
using System.Text.RegularExpressions;
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
public static partial class Verdict
{
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

    /// <summary>What a refusal in clear means where TLS failed before, or the operator would not have it: a host that asks for TLS then says nothing about the message.
    /// Its certificate, or its keys, may be in order within the hour. RFC 3207 §4 for the 530.</summary>
    /// <param name="whyClear">Why the session was in clear.</param>
    /// <returns>A deferral in our words, or the outcome as it was.</returns>
    public static Outcome InClear(Outcome outcome, string whyClear) =>
        outcome is { Disposition: Disposition.Bounced, Reply.IsLocal: false } && AsksForTls(outcome.Reply)
            ? outcome with
            {
                Disposition = Disposition.Deferred,
                Scope = FailureScope.Host,
                Reply = SmtpReply.Local(451, new EnhancedStatusCode(4, 7, 5), $"{whyClear}, and in clear the host said: {outcome.Reply}"),
            }
            : outcome;

    // The registry of RFC 5248: X.7.10 (523), encryption needed; X.7.11 (524, 538), for a mechanism of AUTH.
    private static bool AsksForTls(SmtpReply reply) =>
        reply.Code is 523 or 524 or 530 or 538 || reply.Enhanced is { Subject: 7, Detail: 10 or 11 }
        || (reply.Enhanced is null or { Subject: 7 or 5 } && AsksForTlsInWords().IsMatch(reply.Text.AsSpan(0, Math.Min(reply.Text.Length, 300))));

    [GeneratedRegex(
        @"\bstarttls\b|\b(?:tls|ssl|encryption|encrypted|secure connection)\b[^\n]{0,40}\b(?:required|needed|mandatory|only)\b|\b(?:requires?|must (?:use|issue|be)|need)\b[^\n]{0,30}\b(?:tls|ssl|encryption|encrypted|secure connection)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AsksForTlsInWords();

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
        var (disposition, scope) = ReplyVerdict.Of(stage, reply);
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
