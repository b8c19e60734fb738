using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>What came of an attempt to take responsibility for a request.</summary>
public abstract record AcceptResult
{
    /// <summary>Every message and recipient of the request is committed.</summary>
    /// <param name="RequestId">Id of message 0, the <c>X-Message-Id</c>.</param>
    /// <param name="AnswerJson">The body of the answer, as <see cref="AcceptAnswer.Write"/> made it at the first time.</param>
    /// <param name="Repeated">The key was seen before with the same body: nothing new was stored.</param>
    public sealed record Accepted(MessageId RequestId, string AnswerJson, bool Repeated) : AcceptResult;

    /// <summary>The key was seen before with another body. Nothing was stored.</summary>
    /// <param name="RequestId">The request that the key stands for.</param>
    public sealed record IdempotencyConflict(MessageId RequestId) : AcceptResult;

    /// <summary>Nothing is known to be stored; the caller should try again soon, with the same key if it has one.</summary>
    /// <param name="Reason">Fit for the caller to read.</param>
    public sealed record Unavailable(string Reason) : AcceptResult;
}
