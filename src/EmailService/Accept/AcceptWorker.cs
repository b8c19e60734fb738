namespace EmailService.Accept;

/// <summary>Stands in on this branch until the group commit is merged.</summary>
public sealed class AcceptWorker(TimeProvider time)
{
    public Task<AcceptResult> AcceptAsync(int accountId, SendRequest request, IdempotencyKey? key, CancellationToken ct)
    {
        _ = (accountId, key, ct);
        var id = Messages.MessageId.NewRequest(time.GetUtcNow());
        return Task.FromResult<AcceptResult>(new AcceptResult.Accepted(id, AcceptAnswer.Write(id, request), Repeated: false));
    }
}
