using EmailService.Messages;

namespace EmailService.Steer;

/// <summary>What is known of some lanes besides the table: for the answer to "why is it still here?".</summary>
public sealed class LaneFacts
{
    public static readonly LaneFacts None = new([], []);

    private readonly IReadOnlyList<LaneSeen> seen;
    private readonly IReadOnlyList<Overlay> overlays;

    public LaneFacts(IReadOnlyList<LaneSeen> seen, IReadOnlyList<Overlay> overlays) => (this.seen, this.overlays) = (seen, overlays);

    /// <summary>What is known about one recipient.</summary>
    /// <param name="lane">The lane of the table that it lies in.</param>
    /// <param name="holder">The process that holds it, or null.</param>
    public RecipientFacts Of(RecipientId id, string lane, string address, int accountId, long? holder)
    {
        var ofLane = seen.Where(s => s.Status.Lane == lane || s.Status.Domains.Contains(lane)).ToList();
        var said = (holder is { } node ? ofLane.Find(s => s.NodeId == node) : ofLane.MaxBy(s => s.Status.Waiting))?.Status;
        var (site, domain) = (said?.Lane ?? lane, MailAddress.DomainOf(address));
        return new RecipientFacts
        {
            Lane = site,
            LimitedBy = said?.LimitedBy,
            AttemptSince = said?.Attempts.FirstOrDefault(a => a.Id == id.Message.ToString() && a.N == id.N)?.Since,
            RestsUntil = ofLane.Max(s => s.Status.RestsUntil),
            AvoidedHosts = [.. ofLane.SelectMany(s => s.Status.AvoidedHosts).DistinctBy(h => h.Address)],
            Suspension = overlays.Where(o => o.Kind == OverlayKind.Suspend && o.Scope.Source is null && o.Scope.Covers(site, null, domain, accountId)).MaxBy(o => o.Until),
            Route = overlays.Where(o => o.Kind == OverlayKind.Reroute && o.Scope.Covers(site, null, domain, accountId)).MaxBy(o => o.ChangedAt)?.Route,
        };
    }
}

/// <summary>What holds for one recipient now.</summary>
public sealed record RecipientFacts
{
    /// <summary>The lane in memory, if a process has it; else the one in the table.</summary>
    public required string Lane { get; init; }
    public LimitedBy? LimitedBy { get; init; }

    /// <summary>An attempt is under way since then.</summary>
    public DateTimeOffset? AttemptSince { get; init; }
    public DateTimeOffset? RestsUntil { get; init; }
    public IReadOnlyList<AvoidedHost> AvoidedHosts { get; init; } = [];

    /// <summary>What keeps it back.</summary>
    public Overlay? Suspension { get; init; }

    /// <summary>Where it goes instead of its mail hosts.</summary>
    public string? Route { get; init; }
}

/// <summary>Reads <see cref="LaneFacts"/>.</summary>
public sealed class LaneFactsReader(LaneStatusStore status, OverlayStore overlays, TimeProvider time)
{
    public async Task<LaneFacts> ReadAsync(IReadOnlyList<string> lanes, CancellationToken cancellationToken) => lanes.Count == 0
        ? LaneFacts.None
        : new LaneFacts(await status.LanesAsync(lanes, cancellationToken), await overlays.InForceAsync(time.GetUtcNow(), cancellationToken));
}
