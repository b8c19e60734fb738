using EmailService.Platform;

namespace EmailService.Steer;

/// <summary>One lane over all processes: what waits, what it does, and what keeps it from doing more.</summary>
public sealed record LaneView
{
    public required string Lane { get; init; }

    /// <summary>Domains whose mail goes into it, as far as the processes that have it in memory know.</summary>
    public required IReadOnlyList<string> Domains { get; init; }
    public required DepthView Depth { get; init; }

    /// <summary>Since when the one that waits longest has been due; null when nothing is due.</summary>
    public DateTimeOffset? OldestDueAt { get; init; }

    /// <summary>When the first is due that is due later; null when none is, or something is due.</summary>
    public DateTimeOffset? NextDueAt { get; init; }

    /// <summary>Outcomes in the minute before.</summary>
    public required OutcomeCounts PerMinute { get; init; }

    /// <summary>Outcomes in the hour before, to five minutes.</summary>
    public required OutcomeCounts LastHour { get; init; }
    public required ConnectionsView Connections { get; init; }

    /// <summary>Messages per second by the shaping, over all processes; null when no process has the lane in memory, 0 for no limit.</summary>
    public Figure? RateLimit { get; init; }
    public double? SecondsPerMessage { get; init; }

    /// <summary>Messages per minute that the limits allow at these seconds per message; null while nothing limits or nothing is known.</summary>
    public double? CeilingPerMinute { get; init; }
    public required LimitedBy LimitedBy { get; init; }
    public DateTimeOffset? RestsUntil { get; init; }
    public required IReadOnlyList<AvoidedHost> AvoidedHosts { get; init; }
    public required IReadOnlyList<LaneReply> Replies { get; init; }

    /// <summary>What is imposed on it, or on one of its domains.</summary>
    public required IReadOnlyList<ShownOverlay> Overlays { get; init; }
    public required IReadOnlyList<LaneOfNode> Nodes { get; init; }

    /// <summary>Puts together what the table and the processes say. Pure.</summary>
    /// <param name="lane">Its name.</param>
    /// <param name="found">What the table has in it.</param>
    /// <param name="seen">What live processes say of it.</param>
    /// <param name="nodes">The live processes that deliver.</param>
    /// <param name="overlays">All that are in force.</param>
    public static LaneView Of(
        string lane, LaneInTable found, IReadOnlyList<LaneStatusOf> seen, IReadOnlyList<NodeSeen> nodes, IReadOnlyList<ShownOverlay> overlays)
    {
        string[] domains = [.. seen.SelectMany(s => s.Status.Domains).Where(d => d != lane).Distinct().Order(StringComparer.Ordinal)];
        var imposed = overlays.Where(o => o.Lane == lane || (o.Lane is null && (o.Domain == lane || domains.Contains(o.Domain)))).ToList();
        var connections = ConnectionsView.Of(seen);
        var rate = seen.Count == 0 ? null : seen[0].Status.RateLimit;
        double? seconds = seen.Any(s => s.Status.SecondsPerMessage is > 0)
            ? Math.Round(seen.Where(s => s.Status.SecondsPerMessage is > 0).Average(s => s.Status.SecondsPerMessage!.Value), 3)
            : null;
        return new LaneView
        {
            Lane = lane,
            Domains = domains,
            Depth = new DepthView(found.Due, found.Later, seen.Sum(s => s.Status.Waiting), seen.Sum(s => s.Status.InHands), found.AtLeast),
            OldestDueAt = found.Due > 0 ? found.FirstDueAt : null,
            NextDueAt = found.Due > 0 ? null : found.FirstDueAt,
            PerMinute = seen.Aggregate(default(OutcomeCounts), (sum, s) => sum + s.Status.Minute),
            LastHour = seen.Aggregate(default(OutcomeCounts), (sum, s) => sum + s.Status.Hour),
            Connections = connections,
            RateLimit = rate,
            SecondsPerMessage = seconds,
            CeilingPerMinute = Ceiling(connections.Allowed, seconds, rate?.Value ?? 0),
            LimitedBy = Suspension(lane, domains, imposed) ?? Limiter(found, seen, nodes),
            Overlays = imposed,
            RestsUntil = seen.Max(s => s.Status.RestsUntil),
            AvoidedHosts = [.. seen.SelectMany(s => s.Status.AvoidedHosts).GroupBy(h => h.Address).Select(h => h.MaxBy(a => a.Until)!)],
            Replies = [.. seen.SelectMany(s => s.Status.Replies).Concat(found.Replies).OrderByDescending(r => r.At)
                .DistinctBy(r => r.Reply).Take(5).Select(r => r with { Reply = ReplyMask.Of(r.Reply) })],
            Nodes = [.. seen.Select(s => new LaneOfNode(
                s.Node.NodeId, s.Node.Host, s.Node.ProcessId, s.Status.Waiting, s.Status.InHands, s.Status.Connections, s.Status.ConnectionsAllowed, s.Status.LimitedBy))],
        };
    }

    /// <summary>A suspension of all that goes there: of the lane, or of the only domain that is known to go there.</summary>
    private static LimitedBy? Suspension(string lane, string[] domains, List<ShownOverlay> imposed) =>
        imposed.Find(o => o.Kind == OverlayKind.Suspend.ToName() && o.Source is null && o.Account is null
                && (o.Domain is null || o.Domain == lane || (domains.Length == 1 && domains[0] == o.Domain))) is { } suspension
            ? new LimitedBy(LaneLimiter.Suspended, null, $"overlay {suspension.Id}, {(suspension.Rule is { } rule ? $"rule {rule}" : suspension.Origin)}, until {IsoTime.Text(suspension.Until)}")
            : null;

    private static double? Ceiling(int connections, double? seconds, double perSecond)
    {
        var byConnections = seconds is > 0 ? connections / seconds.Value : double.PositiveInfinity;
        var most = Math.Min(byConnections, perSecond > 0 ? perSecond : double.PositiveInfinity);
        return double.IsInfinity(most) ? null : Math.Round(most * 60, 1);
    }

    /// <summary>What limits the process in which most waits. What waits in the table alone is limited by who could take it.</summary>
    private static LimitedBy Limiter(LaneInTable found, IReadOnlyList<LaneStatusOf> seen, IReadOnlyList<NodeSeen> nodes)
    {
        if (seen.Where(s => s.Status.LimitedBy.By != LaneLimiter.NothingDue).MaxBy(s => s.Status.Waiting + s.Status.InHands) is { } busiest)
        {
            return busiest.Status.LimitedBy;
        }

        if (found.Due == 0)
        {
            return new LimitedBy(LaneLimiter.NothingDue);
        }

        if (nodes.Count == 0)
        {
            return new LimitedBy(LaneLimiter.NoNode, null, "no live process has the role Deliver");
        }

        var known = nodes.Select(n => n.Status).OfType<NodeStatus>().ToList();
        return known.Count > 0 && known.All(n => !n.Stores) ? new LimitedBy(LaneLimiter.Store, null, "outcomes can't be stored")
            : known.Count > 0 && known.All(n => !n.HasRoom) ? new LimitedBy(LaneLimiter.Memory, known.Sum(n => n.InHandLimit), "Outbox:ReadyRecipients and ReadyOctets")
            : new LimitedBy(LaneLimiter.Starting);
    }
}

/// <summary>What waits in the table under a lane's names.</summary>
/// <param name="AtLeast">Counting stopped at its bound.</param>
/// <param name="Replies">What was said last for those that wait.</param>
public sealed record LaneInTable(int Due, int Later, bool AtLeast, DateTimeOffset? FirstDueAt, IReadOnlyList<LaneReply> Replies);

/// <summary>A lane's status and the process that says it.</summary>
public sealed record LaneStatusOf(NodeSeen Node, LaneStatus Status);

/// <param name="Due">In the table, and due.</param>
/// <param name="Later">In the table, and due later.</param>
/// <param name="Waiting">In the memory of a process.</param>
/// <param name="InHands">In a worker's hands.</param>
/// <param name="AtLeast">Due and later are at least so many; nobody counted on.</param>
public sealed record DepthView(int Due, int Later, int Waiting, int InHands, bool AtLeast)
{
    public int Total => Due + Later + Waiting + InHands;
}

/// <summary>Connections over all processes.</summary>
/// <param name="Limit">The shaping's; null when no process has the lane in memory.</param>
public sealed record ConnectionsView(int Open, int Allowed, int Window, int? Ceiling, Figure? Limit)
{
    public static ConnectionsView Of(IReadOnlyList<LaneStatusOf> seen) => new(
        seen.Sum(s => s.Status.Connections), seen.Sum(s => s.Status.ConnectionsAllowed), seen.Sum(s => s.Status.Window),
        seen.Max(s => s.Status.WindowCeiling),
        seen.Count == 0 ? null : seen[0].Status.ConnectionsLimit);
}

/// <summary>One process's part of a lane.</summary>
public sealed record LaneOfNode(
    long NodeId, string Host, int ProcessId, int Waiting, int InHands, int Connections, int ConnectionsAllowed, LimitedBy LimitedBy);
