using EmailService.Platform;

namespace EmailService.Accept;

/// <summary>Takes in mail that the service itself writes, on any node, whatever its roles: into the table, where those that deliver find it.</summary>
public sealed class OwnMail(IAcceptStore store, NodeRegistry node, EventSignal events, AcceptOptions options, TimeProvider time)
{
    /// <summary>Returns after the commit. With the same key again nothing is stored, and the answer is the first one's.</summary>
    /// <param name="expiry">For how long delivery is tried.</param>
    public async Task<AcceptResult> AcceptAsync(int accountId, SendRequest request, IdempotencyKey key, TimeSpan expiry, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var entry = AcceptEntry.Of(accountId, request, key, now, expiry);
        await store.CommitAsync([entry], node.NodeId, now, now, options.IdempotencyPeriod, cancellationToken);
        events.Raise();
        return entry.Result!;
    }
}
