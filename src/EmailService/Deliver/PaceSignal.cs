using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Deliver;

/// <summary>What an outcome says about how many connections a site takes, and how many messages.</summary>
public enum PaceSignal
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The site talked with us about a message or a recipient, whatever it said.</summary>
    Answered,

    /// <summary>No connection, no reply, a connection that broke, or a session that takes no more.</summary>
    Failed,

    /// <summary>The site talks with us, and has had too many messages for now.</summary>
    TooMany,

    /// <summary>The site lives and would not have this session: "too many connections", "try later".</summary>
    Refused,
}

/// <summary>outcome → signal. Pure.</summary>
public static class PaceSignals
{
    public static PaceSignal Of(Outcome outcome) => outcome switch
    {
        { Disposition: Disposition.Delivered } => PaceSignal.Answered,

        // It took all of the message, and the connection broke.
        { Disposition: Disposition.Unknown } => PaceSignal.Failed,

        // Our own refusals never reached the site: the message can't be composed, no host has an address.
        { Reply.IsLocal: true, Scope: not (FailureScope.Host or FailureScope.Lane) } => PaceSignal.None,

        // A mail host without an address says nothing about connections.
        { Reply: { IsLocal: true, Enhanced: { Subject: 4, Detail: 4 } } } => PaceSignal.None,

        // Nor does one that was not tried.
        _ when Verdict.IsOfTooMany(outcome) => PaceSignal.None,
        { Reply.IsLocal: true } => PaceSignal.Failed,

        { Stage: < SmtpStage.Reset, Reply.IsTransient: true } => PaceSignal.Refused,

        // A 5yz before anybody was named is a block, which no smaller number of connections lifts.
        { Stage: < SmtpStage.Reset } => PaceSignal.None,

        { Disposition: Disposition.Deferred, Reason.Name: ReplyReason.RateLimited } => PaceSignal.TooMany,

        // 421 closes the channel whatever was asked. RFC 5321 §3.8. Many close a session that way which carried enough messages: that
        // says nothing about how many sessions there may be.
        { Reply.Code: 421 } => PaceSignal.Failed,

        // The sender's address at fault is 4.1.x; the system, the network and its policy are the rest. RFC 3463 §3
        { Stage: SmtpStage.MailFrom, Reply: { IsTransient: true, Enhanced: null or { Subject: 3 or 4 or 7 } } } => PaceSignal.Failed,
        _ => PaceSignal.Answered,
    };
}
