using EmailService.Accounts;
using EmailService.Mime;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Route;

namespace EmailService.Steer;

/// <summary>How lanes are listed.</summary>
public enum LaneSort
{
    /// <summary>The longest first.</summary>
    Depth,

    /// <summary>The one whose first recipient has been due for longest first.</summary>
    Oldest,
}

/// <param name="Text">Part of a lane's name, or of one of its domains.</param>
public sealed record LaneQuery(string? Text, LaneSort Sort, int Limit, int Offset);

/// <summary>Some lanes, and what their processes say of themselves.</summary>
/// <param name="Total">How many there are.</param>
/// <param name="Next">Where the next page begins; null at the end.</param>
public sealed record LanePage(IReadOnlyList<LaneView> Lanes, IReadOnlyList<NodeSeen> Nodes, int Total, int? Next);

/// <summary>A name of a lane made out.</summary>
/// <param name="Lane">The lane's own name.</param>
/// <param name="InTable">The names under which its recipients lie in the table: its own, and those of domains that were not tried yet.</param>
public sealed record LaneNames(string Lane, IReadOnlyList<string> InTable);

/// <summary>Puts the lanes of the table and those in the memories of all processes together.</summary>
public sealed class LaneFinder(IOutboxStore outbox, OutboxDepth depth, LaneTableStore table, LaneStatusStore status, OverlayStore overlays, AccountStore accounts, Router router,
    TimeProvider time)
{
    /// <summary>Rows that one look at the lanes counts at most, over all of them, and in one lane.</summary>
    private const int MostCounted = 400_000;
    private const int MostCountedOfLane = 100_000;
    private const int LeastCountedOfLane = 50;

    /// <summary>As long as a name in DNS. RFC 1035 §2.3.4</summary>
    private const int LongestName = 255;

    /// <summary>Names that one which was not found is compared with at most.</summary>
    private const int MostCompared = 10_000;

    private static readonly TimeSpan RouteLimit = TimeSpan.FromSeconds(5);

    private sealed record Known(string Lane, IReadOnlyList<string> InTable, DateTimeOffset? FirstDueAt, IReadOnlyList<LaneStatusOf> Seen);

    public async Task<LanePage> ListAsync(LaneQuery query, CancellationToken cancellationToken)
    {
        var (known, nodes) = await KnownAsync(cancellationToken);
        var matching = known.Where(k => query.Text is not { } text || k.InTable.Append(k.Lane).Any(n => n.Contains(text, StringComparison.OrdinalIgnoreCase))).ToList();
        var now = time.GetUtcNow();
        if (query.Sort == LaneSort.Oldest)
        {
            var page = matching.OrderBy(k => k.FirstDueAt is null).ThenBy(k => k.FirstDueAt).ThenBy(k => k.Lane, StringComparer.Ordinal)
                .Skip(query.Offset).Take(query.Limit).ToList();
            return Page(await ViewsAsync(page, nodes, cancellationToken));
        }

        // Every lane is counted, so each with a smaller bound; those at the bound are told apart by their age.
        var all = await ViewsAsync(matching, nodes, cancellationToken);
        return Page([.. all.OrderByDescending(v => v.Depth.Total).ThenBy(v => v.OldestDueAt ?? now).ThenBy(v => v.Lane, StringComparer.Ordinal)
            .Skip(query.Offset).Take(query.Limit)]);

        LanePage Page(IReadOnlyList<LaneView> lanes) =>
            new(lanes, nodes, matching.Count, query.Offset + lanes.Count < matching.Count && lanes.Count > 0 ? query.Offset + lanes.Count : null);
    }

    /// <summary>One lane, by its name or by that of a domain whose mail goes into it; null if there is no such thing.</summary>
    public async Task<LaneView?> FindAsync(string name, CancellationToken cancellationToken)
    {
        var (known, nodes) = await KnownAsync(cancellationToken);
        return await FindAsync(known, name, cancellationToken) is { } found ? (await ViewsAsync([found], nodes, cancellationToken))[0] : null;
    }

    /// <summary>The names of a lane, for what is to be done with all in it.</summary>
    public async Task<LaneNames?> NamesAsync(string name, CancellationToken cancellationToken)
    {
        var (known, _) = await KnownAsync(cancellationToken);
        return await FindAsync(known, name, cancellationToken) is { } found ? new LaneNames(found.Lane, found.InTable) : null;
    }

    /// <summary>A name that is close to one that was not found; null if none is.</summary>
    public async Task<string?> CloseToAsync(string name, CancellationToken cancellationToken)
    {
        if (name.Length > LongestName)
        {
            return null;
        }

        var (known, _) = await KnownAsync(cancellationToken);
        var (closest, least) = ((string?)null, Math.Max(2, name.Length / 5) + 1);
        foreach (var other in known.SelectMany(k => k.InTable.Append(k.Lane)).Distinct().Take(MostCompared))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (other.Length <= LongestName && Math.Abs(other.Length - name.Length) < least && Spelling.Distance(other, name) is var distance && distance < least)
            {
                (closest, least) = (other, distance);
            }
        }

        return closest;
    }

    private async Task<Known?> FindAsync(List<Known> known, string name, CancellationToken cancellationToken)
    {
        if (known.Find(k => k.Lane == name) is { } byName)
        {
            return byName;
        }

        if (known.Find(k => k.InTable.Contains(name)) is { } byDomain)
        {
            return byDomain;
        }

        // A domain of which nothing waits under its own name: DNS knows which lane is its.
        if (name.Length > LongestName || !DomainName.TryNormalize(name, out var domain, out _) || await RouteAsync(domain, cancellationToken) is not { } route)
        {
            return null;
        }

        return known.Find(k => k.Lane == route.Lane) ?? new Known(route.Lane, [route.Lane, name], null, []);
    }

    private async Task<RoutePlan.Hosts?> RouteAsync(string domain, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(RouteLimit);
        try
        {
            return await router.PlanAsync(domain, account: null, limit.Token) as RoutePlan.Hosts;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<(List<Known> Known, List<NodeSeen> Nodes)> KnownAsync(CancellationToken cancellationToken)
    {
        var nodes = await status.NodesAsync(cancellationToken);
        var byId = nodes.ToDictionary(n => n.NodeId);
        var seen = (await status.LanesAsync(null, cancellationToken)).Where(s => byId.ContainsKey(s.NodeId))
            .ToLookup(s => s.Status.Lane, s => new LaneStatusOf(byId[s.NodeId], s.Status));
        var firstDue = (await outbox.FindDueLanesAsync(cancellationToken)).GroupBy(l => l.Lane).ToDictionary(g => g.Key, g => g.Min(l => l.DueAt));

        // A domain's recipients that were not tried yet lie under its own name, and belong to the lane that its others went into.
        var known = new List<Known>();
        var ofOthers = new HashSet<string>();
        foreach (var lane in seen)
        {
            var domains = lane.SelectMany(s => s.Status.Domains).Where(d => d != lane.Key && ofOthers.Add(d)).ToList();
            List<string> names = [lane.Key, .. domains];
            known.Add(new Known(lane.Key, names, First(names), [.. lane]));
        }

        known.AddRange(firstDue.Where(l => !seen.Contains(l.Key) && !ofOthers.Contains(l.Key)).Select(l => new Known(l.Key, [l.Key], l.Value, [])));
        return (known, nodes);

        DateTimeOffset? First(IEnumerable<string> names) => names.Min(n => firstDue.TryGetValue(n, out var due) ? due : (DateTimeOffset?)null);
    }

    private async Task<List<LaneView>> ViewsAsync(List<Known> lanes, List<NodeSeen> nodes, CancellationToken cancellationToken)
    {
        var names = lanes.SelectMany(l => l.InTable).Distinct().ToList();
        var most = Math.Clamp(MostCounted / Math.Max(1, names.Count), LeastCountedOfLane, MostCountedOfLane);
        var depths = (await depth.CountAsync(names, most, cancellationToken)).ToDictionary(d => d.Lane);
        var replies = await table.RepliesAsync(names, cancellationToken);
        var imposed = await ShownOverlay.OfAsync(await overlays.InForceAsync(time.GetUtcNow(), cancellationToken), accounts, cancellationToken);
        return [.. lanes.Select(lane =>
        {
            var ofLane = lane.InTable.Select(n => depths[n]).ToList();
            return LaneView.Of(
                lane.Lane,
                new LaneInTable(
                    ofLane.Sum(d => d.Due), ofLane.Sum(d => d.Later), ofLane.Any(d => d.Due == most || d.Later == most), lane.FirstDueAt,
                    [.. lane.InTable.SelectMany(n => replies[n])]),
                lane.Seen, nodes, imposed);
        })];
    }
}
