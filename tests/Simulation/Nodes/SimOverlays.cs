using EmailService.Steer;

namespace EmailService.Simulation;

/// <summary>What reply rules impose, for all nodes: a model of the table <c>overlays</c>, which each node hears of within a second.</summary>
internal sealed class SimOverlays(SimClock clock, Trace trace)
{
    private readonly List<Overlay> all = [];
    private readonly List<(NodeClock Clock, Overlays Known)> nodes = [];

    /// <summary>A node's knowledge of them.</summary>
    public Overlays Of(NodeClock node)
    {
        var known = new Overlays(node);
        known.Set([.. all], known.BeginReading());
        nodes.Add((node, known));
        return known;
    }

    /// <summary>As the statement does it: what is in force already lasts longer, and a rate is lowered once more by what was tried under the lower one.</summary>
    public Overlay Impose(OverlayWish wish, string rule, string reply, DateTimeOffset startedAt)
    {
        var now = clock.GetUtcNow();
        var old = all.Find(o => o.Kind == wish.Kind && o.Scope == wish.Scope && o.Until > now);
        var asked = wish.Factor ?? 1;
        var factor = old is null ? asked : old.ChangedAt <= startedAt ? Math.Max(OverlayStore.LeastFactor, old.Factor * asked) : old.Factor;
        var overlay = new Overlay
        {
            Id = old?.Id ?? all.Count + 1, Kind = wish.Kind, Scope = wish.Scope, Factor = factor, Route = wish.Route,
            Until = old is not null && old.Until > wish.Until ? old.Until : wish.Until,
            Origin = OverlayOrigin.Reply, Rule = rule, Reply = reply, CreatedAt = old?.CreatedAt ?? now, ChangedAt = now,
        };
        if (old is null)
        {
            all.Add(overlay);
        }
        else
        {
            all[all.IndexOf(old)] = overlay;
        }

        trace.Add($"imposed: {wish.Kind.ToName()} of {wish.Scope}");
        foreach (var (node, known) in nodes)
        {
            clock.After(TimeSpan.FromSeconds(1), () => node.Pass(() => known.Set([.. all], known.BeginReading())));
        }

        return overlay;
    }

    /// <summary>One node's way to impose.</summary>
    public sealed class Imposing(SimOverlays overlays, StoreLink store) : IImposing
    {
        public async Task<Overlay?> ImposeAsync(OverlayWish wish, string rule, string reply, DateTimeOffset startedAt) =>
            await store.ImposeAsync(() => overlays.Impose(wish, rule, reply, startedAt));
    }
}
