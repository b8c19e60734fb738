namespace EmailService.Smtp.Client;

/// <summary>The recipients of one transaction, and what came of each.</summary>
/// <remarks>A recipient is open while its place in <see cref="Results"/> is empty. A reply or a failure closes either that one recipient
/// or all that are still open, and nothing opens one again: what was said first for a recipient stands.</remarks>
internal sealed class SmtpRecipients(IReadOnlyList<string> paths, SmtpConnection connection)
{
    private readonly SmtpRecipientResult?[] _results = new SmtpRecipientResult?[paths.Count];

    /// <summary>Complete once none is open.</summary>
    public IReadOnlyList<SmtpRecipientResult> Results => _results!;

    public int Count => _results.Length;

    /// <summary>How many are open.</summary>
    public int Open { get; private set; } = paths.Count;

    /// <summary>Set before the end of the content goes on the wire: from then on a failure leaves the outcome unknown.</summary>
    public bool ContentMayHaveArrived { get; set; }

    public bool IsOpen(int index) => _results[index] is null;

    public void Refuse(int index, SmtpStage stage, SmtpReply reply) =>
        Close(index, SmtpRecipientOutcome.Refused, stage, reply, SmtpFailureKind.Refused);

    public void RefuseOpen(SmtpStage stage, SmtpReply reply) =>
        CloseOpen(SmtpRecipientOutcome.Refused, stage, reply, SmtpFailureKind.Refused);

    public void AcceptOpen(SmtpReply reply) => CloseOpen(SmtpRecipientOutcome.Accepted, SmtpStage.EndOfData, reply, null);

    public void FailOpen(SmtpStage stage)
    {
        var outcome = ContentMayHaveArrived ? SmtpRecipientOutcome.Unknown : SmtpRecipientOutcome.Failed;
        CloseOpen(outcome, ContentMayHaveArrived ? SmtpStage.EndOfData : stage, null, connection.Failure ?? SmtpFailureKind.Closed);
    }

    private void CloseOpen(SmtpRecipientOutcome outcome, SmtpStage stage, SmtpReply? reply, SmtpFailureKind? failure)
    {
        for (var i = 0; i < _results.Length && Open > 0; i++)
        {
            Close(i, outcome, stage, reply, failure);
        }
    }

    private void Close(int index, SmtpRecipientOutcome outcome, SmtpStage stage, SmtpReply? reply, SmtpFailureKind? failure)
    {
        if (_results[index] is null)
        {
            var detail = reply is null ? connection.FailureDetail : null;
            _results[index] = new SmtpRecipientResult(paths[index], outcome, stage, reply, failure, detail);
            Open--;
        }
    }
}
