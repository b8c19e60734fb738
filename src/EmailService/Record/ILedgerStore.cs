namespace EmailService.Record;

/// <summary>Where outcomes become facts: the tables (<see cref="LedgerStore"/>), or the simulator's model of them.</summary>
public interface ILedgerStore
{
    /// <summary>Commits outcomes. Returns how many leases were still held; the others were ended by
    /// somebody else, or by an earlier run of the same statement.</summary>
    Task<int> SettleAsync(IReadOnlyList<Settlement> settlements, CancellationToken cancellationToken);
}
