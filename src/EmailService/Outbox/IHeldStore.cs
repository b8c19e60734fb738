namespace EmailService.Outbox;

/// <summary>A claim that an overlay keeps back.</summary>
/// <param name="DueAt">The overlay's end.</param>
/// <param name="Lane">The lane it waits in; null leaves it.</param>
public readonly record struct HeldBack(ClaimedRecipient Recipient, long OverlayId, DateTimeOffset DueAt, string? Lane);

/// <summary>What overlays keep back: the table <c>outbox</c> (<see cref="HeldStore"/>), or the simulator's model of it.</summary>
public interface IHeldStore
{
    /// <summary>Gives claims back until an overlay has ended; until <paramref name="soon"/> where it has already.</summary>
    Task HoldAsync(IReadOnlyList<HeldBack> held, DateTimeOffset soon, CancellationToken cancellation);

    /// <summary>Claims what has expired in these lanes.</summary>
    Task<List<ClaimedRecipient>> ClaimExpiredAsync(
        IReadOnlyList<string> lanes, int most, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellation);
}
