namespace EmailService.Deliver;

/// <summary>What other nodes last said about the pace of lanes, by the lane's name.</summary>
public sealed class HeardPaces
{
    private volatile IReadOnlyDictionary<string, IReadOnlyList<PaceTold>> paces = new Dictionary<string, IReadOnlyList<PaceTold>>();

    /// <summary>The same list until something new was heard of any lane.</summary>
    public IReadOnlyList<PaceTold> Of(string lane) => paces.Count > 0 && paces.TryGetValue(lane, out var told) ? told : [];

    public bool IsEmpty => paces.Count == 0;

    public void Set(IEnumerable<(string Lane, PaceTold Told)> all) =>
        paces = all.GroupBy(p => p.Lane, p => p.Told).ToDictionary(g => g.Key, IReadOnlyList<PaceTold> (g) => [.. g]);
}
