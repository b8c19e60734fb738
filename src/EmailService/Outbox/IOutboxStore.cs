namespace EmailService.Outbox;

/// <summary>Leases, for those who hold them: the table <c>outbox</c> (<see cref="OutboxStore"/>), or the simulator's model of it.</summary>
public interface IOutboxStore
{
    /// <summary>Every lane by stream, with the time of its first due recipient.</summary>
    Task<List<DueLane>> FindDueLanesAsync(CancellationToken cancellationToken);

    /// <summary>Claims up to the wanted number of due recipients in each lane for a node.</summary>
    Task<List<ClaimedRecipient>> ClaimDueAsync(
        IReadOnlyList<WantedLane> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken);

    /// <summary>The accounts that have something due in these lanes.</summary>
    Task<List<DueAccount>> FindDueAccountsAsync(
        IReadOnlyList<AccountSearch> searches, DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>Claims up to the wanted number of due recipients of each account in a lane and stream for a node.</summary>
    Task<List<ClaimedRecipient>> ClaimDueOfAccountsAsync(
        IReadOnlyList<WantedAccount> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken);

    /// <summary>Gives claims back unused: at a stop, or when their lane may not be served now.</summary>
    Task GiveBackAsync(IReadOnlyList<(ClaimedRecipient Recipient, DateTimeOffset DueAt, string? Lane)> unused, CancellationToken cancellationToken);

    /// <summary>Lengthens a lease. False if it is not ours any more: its recipient is somebody else's.</summary>
    Task<bool> RenewAsync(ClaimedRecipient claim, long nodeId, DateTimeOffset leasedUntil, CancellationToken cancellationToken);

    /// <summary>Leases whose holder is gone: its heartbeat is older than <paramref name="nodeTimeout"/>, or the lease itself ran out.</summary>
    Task<List<Abandoned>> FindAbandonedAsync(
        TimeSpan nodeTimeout, DateTimeOffset now, int limit, long ownNodeId, CancellationToken cancellationToken);

    /// <summary>All leases of one node, to compare with what it holds.</summary>
    Task<List<Abandoned>> FindHeldByAsync(long nodeId, CancellationToken cancellationToken);

    /// <summary>Puts abandoned leases back into the queue. The attempt stays counted: it may have been made.</summary>
    Task<int> ReclaimAsync(IReadOnlyList<(Abandoned Lease, DateTimeOffset DueAt)> leases, CancellationToken cancellationToken);
}
