using System.Collections.Frozen;

namespace EmailService.Steer;

/// <summary>The overlays in force, as this node knows them: asked before each message, so it answers from memory and takes no lock.
/// <see cref="OverlayRefresher"/> keeps it like the table; ends of overlays are observed by the clock, without the table.</summary>
public sealed class Overlays(TimeProvider time)
{
    private readonly Lock gate = new();
    private volatile View view = View.Empty;
    private long begun;
    private long applied;

    /// <summary>All that are in force now.</summary>
    public IReadOnlyList<Overlay> InForce => [.. view.All.Where(IsInForce)];

    /// <summary>Call it before reading the table: of readings that overlap, the one that began last is the newest.</summary>
    public long BeginReading() => Interlocked.Increment(ref begun);

    /// <summary>Replaces what is known, unless it was replaced by what a later reading found.</summary>
    public void Set(IReadOnlyList<Overlay> overlays, long reading)
    {
        lock (gate)
        {
            if (reading > applied)
            {
                applied = reading;
                view = overlays.Count == 0 ? View.Empty : new View(overlays);
            }
        }
    }

    /// <summary>What keeps this mail back, or null: a suspension, or that its source is to be avoided. Of several the one that ends last.</summary>
    public Overlay? SuspensionOf(string? lane, string? source, string? domain, int? accountId) =>
        Find(lane, source, domain, accountId, o => o.Kind is OverlayKind.Suspend or OverlayKind.NextSource, (a, b) => a.Until > b.Until);

    /// <summary>Whether mail of a site may not leave by this source now. Another may be taken; where all are avoided, the mail waits.</summary>
    public bool IsSourceAvoided(string site, string source) =>
        Find(site, source, null, null, o => o.Kind is OverlayKind.Suspend or OverlayKind.NextSource && o.Scope.Source is not null, (a, b) => a.Until > b.Until) is not null;

    /// <summary>The part of a lane's pace that remains: the lowest of those in force, 1 if none is.</summary>
    public double FactorOf(string lane, string? source) =>
        Find(lane, source, null, null, o => o.Kind == OverlayKind.LowerRate, (a, b) => a.Factor < b.Factor)?.Factor ?? 1;

    /// <summary>Where this mail goes instead of its mail hosts, or null. Of several the one that was given last.</summary>
    public string? RouteOf(string? lane, string? domain, int? accountId) =>
        Find(lane, null, domain, accountId, o => o.Kind == OverlayKind.Reroute, (a, b) => a.ChangedAt > b.ChangedAt)?.Route;

    /// <summary>Whether all of a lane is kept back, so that nothing of it need be claimed: not if some of it may be sent elsewhere.</summary>
    /// <param name="onlySource">The name of the source, if there is but one; null where another may take what one may not.</param>
    public bool IsWholeLaneSuspended(string lane, string? onlySource) =>
        !view.IsEmpty && SuspensionOf(lane, onlySource, null, null) is not null && !view.All.Any(o => o.Kind == OverlayKind.Reroute && IsInForce(o));

    private Overlay? Find(string? lane, string? source, string? domain, int? accountId, Func<Overlay, bool> isWanted, Func<Overlay, Overlay, bool> isBetter)
    {
        var current = view;
        if (current.IsEmpty)
        {
            return null;
        }

        Overlay? best = null;
        foreach (var key in new[] { View.KeyOfLane(lane), View.KeyOfDomain(domain), View.KeyOfAccount(accountId), View.KeyOfSource(source) })
        {
            if (key is null || !current.ByKey.TryGetValue(key, out var found))
            {
                continue;
            }

            foreach (var overlay in found)
            {
                if (isWanted(overlay) && overlay.Scope.Covers(lane, source, domain, accountId) && IsInForce(overlay) && (best is null || isBetter(overlay, best)))
                {
                    best = overlay;
                }
            }
        }

        return best;
    }

    private bool IsInForce(Overlay overlay) => overlay.Until > time.GetUtcNow();

    /// <summary>Each overlay under the first thing that its scope gives.</summary>
    private sealed class View(IReadOnlyList<Overlay> overlays)
    {
        public static readonly View Empty = new([]);

        public IReadOnlyList<Overlay> All { get; } = overlays;

        public bool IsEmpty => All.Count == 0;

        public FrozenDictionary<string, Overlay[]> ByKey { get; } = overlays
            .GroupBy(o => KeyOfLane(o.Scope.Lane) ?? KeyOfDomain(o.Scope.Domain) ?? KeyOfAccount(o.Scope.AccountId) ?? KeyOfSource(o.Scope.Source)!)
            .ToFrozenDictionary(group => group.Key, group => group.ToArray());

        public static string? KeyOfLane(string? lane) => lane is null ? null : "lane " + lane;

        public static string? KeyOfDomain(string? domain) => domain is null ? null : "domain " + domain;

        public static string? KeyOfAccount(int? accountId) => accountId is { } id ? FormattableString.Invariant($"account {id}") : null;

        public static string? KeyOfSource(string? source) => source is null ? null : "source " + source;
    }
}
