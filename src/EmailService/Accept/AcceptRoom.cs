using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Accept;

/// <summary>Memory for requests until they are answered.</summary>
public sealed class AcceptRoom
{
    /// <summary>How long a large request waits for memory to be parsed and stored in.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>As many as could be read: what may wait is bounded by the room that it holds.</summary>
    private const int MostWaiting = 10_000;

    private readonly WaitingRoom storing;

    public AcceptRoom(AcceptOptions options, MemoryBudget budget, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(budget);
        Reading = new RequestRoom(Math.Min(options.WaitingOctets, budget.Sixteenths(6)), options.BodyTimeout, time);
        storing = new WaitingRoom(budget.Sixteenths(2), MostWaiting, time);
        budget.Watch("reading", () => Reading.Taken);
        budget.Watch("storing", () => storing.Taken);
    }

    /// <summary>For bodies: taken while they are read and until they are answered.</summary>
    internal RequestRoom Reading { get; }

    /// <summary>Waits for memory in which a large body is parsed, encoded and committed. Parsed, it is once or, as text of two octets a character, twice
    /// its size; the body itself is gone before it is encoded.</summary>
    /// <returns>Null if there was none in time. Dispose of the place when the request is stored.</returns>
    internal ValueTask<WaitingRoom.Place?> WaitToStoreAsync(int accountId, int octets, CancellationToken cancellationToken) =>
        storing.TakeAsync(accountId, 2L * octets, Patience, cancellationToken);
}
