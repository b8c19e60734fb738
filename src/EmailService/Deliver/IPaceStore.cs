namespace EmailService.Deliver;

/// <summary>How nodes tell each other what they learned about the pace of a lane.</summary>
public interface IPaceStore
{
    /// <summary>Writes what this node says anew, removes what it says no more, and reads what the other live nodes say.</summary>
    /// <param name="nodeId">Of this node.</param>
    /// <param name="changed">Lanes of which it says something else than before.</param>
    /// <param name="gone">Lanes of which it says nothing any more.</param>
    Task<List<(string Lane, PaceTold Told)>> ExchangeAsync(
        long nodeId, IReadOnlyList<(string Lane, PaceTold Told)> changed, IReadOnlyList<string> gone, CancellationToken cancellationToken);

    /// <summary>Removes what dead nodes said. It is passed over in any case.</summary>
    Task ForgetDeadAsync(long nodeId, CancellationToken cancellationToken);

    /// <summary>Removes all that a node said.</summary>
    Task ForgetAsync(long nodeId, CancellationToken cancellationToken);
}
