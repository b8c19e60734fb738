namespace EmailService.Accept;

/// <summary>Where requests become our responsibility: the tables (<see cref="AcceptStore"/>), or the simulator's model of them.</summary>
public interface IAcceptStore
{
    /// <summary>Commits what can be. On return each entry has its result; entries that are
    /// <see cref="AcceptResult.Accepted"/> and not repeated are in the outbox.
    /// An exception means that nothing of it is known to be committed.</summary>
    Task CommitAsync(
        IReadOnlyList<AcceptEntry> entries, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil,
        TimeSpan idempotencyPeriod, CancellationToken cancellationToken);
}
