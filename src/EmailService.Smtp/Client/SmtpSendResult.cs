namespace EmailService.Smtp.Client;

/// <summary>What came of one recipient in one transaction.</summary>
public enum SmtpRecipientOutcome
{
    /// <summary>The host took responsibility: a 2yz after the content.</summary>
    Accepted,

    /// <summary>A reply said no, the host's or our own (<see cref="SmtpReply.IsLocal"/>).</summary>
    Refused,

    /// <summary>No reply, and certainly not delivered.</summary>
    Failed,

    /// <summary>The content may have been taken: the connection failed, or the deadline passed, after the end of the content
    /// may have reached the host and before its reply reached us.</summary>
    Unknown,
}

/// <summary>What came of one recipient in one transaction, and at which stage.</summary>
/// <param name="ForwardPath">The recipient, as in the envelope.</param>
/// <param name="Outcome">What came of it.</param>
/// <param name="Stage">Where that was decided.</param>
/// <param name="Reply">The deciding reply. Null if there was none.</param>
/// <param name="Failure">In which way it went wrong; null if accepted.</param>
/// <param name="Detail">More about a failure without a reply, for people; or null.</param>
public sealed record SmtpRecipientResult(
    string ForwardPath,
    SmtpRecipientOutcome Outcome,
    SmtpStage Stage,
    SmtpReply? Reply,
    SmtpFailureKind? Failure,
    string? Detail = null);

/// <summary>What came of one transaction.</summary>
public sealed record SmtpSendResult
{
    /// <summary>One result per recipient, in the order of the envelope.</summary>
    public required IReadOnlyList<SmtpRecipientResult> Recipients { get; init; }

    /// <summary>What was said, with times from the start of the transaction.</summary>
    public required SmtpTranscript Transcript { get; init; }

    /// <summary>True if the session can carry another message.</summary>
    public required bool SessionUsable { get; init; }

    /// <summary>From the first command to the last reply.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>True if the session had carried a message before and turned out to be spent: dead, closed or closing, out of order, or full by the host's
    /// own word. Nothing was delivered, and a new connection may well work: hosts end idle sessions, and bound what one carries.</summary>
    public required bool SessionWasStale { get; init; }

    /// <summary>What the host offers and, by the way this transaction failed, may not be able to do. Nobody got the message, unless an outcome is
    /// <see cref="SmtpRecipientOutcome.Unknown"/>: then it may go without these at once, over a new connection. None is usual.</summary>
    public SmtpExtensions Suspect { get; init; }
}
