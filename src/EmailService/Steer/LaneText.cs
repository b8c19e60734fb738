using System.Globalization;
using System.Text;
using EmailService.Platform;

namespace EmailService.Steer;

/// <summary>Lanes in words, for a terminal or a pipe. Pure.</summary>
internal static class LaneText
{
    private const int LongestName = 44;
    private const int LongestReply = 70;
    private const int LongestCell = 3000;

    private static readonly string[] Heads =
        ["LANE", "DUE", "LATER", "IN HAND", "OLDEST", "OK/MIN", "DEFER/MIN", "CONN", "CEILING/MIN", "LIMITED BY", "LAST REPLY"];

    private static readonly int[] Figures = [1, 2, 3, 4, 5, 6, 7, 8];

    public static string Table(LanePage page, DateTimeOffset now)
    {
        var rows = new List<string[]> { Heads };
        rows.AddRange(page.Lanes.Select(lane => new[]
        {
            Short(lane.Lane, LongestName), Count(lane.Depth.Due, lane.Depth.AtLeast), Count(lane.Depth.Later, lane.Depth.AtLeast),
            Count(lane.Depth.Waiting + lane.Depth.InHands, false), lane.OldestDueAt is { } due ? Span(now - due) : "-",
            Number(lane.PerMinute.Delivered), Number(lane.PerMinute.Deferred),
            lane.Nodes.Count == 0 ? "-" : $"{lane.Connections.Open}/{lane.Connections.Allowed}",
            lane.CeilingPerMinute is { } ceiling ? Number(ceiling) : "-", Limiter(lane.LimitedBy, withOrigin: false),
            lane.Replies.Count > 0 ? Short(lane.Replies[0].Reply, LongestReply) : "-",
        }));
        var text = new StringBuilder(Aligned(rows, right: Figures));
        if (page.Lanes.Count == 0)
        {
            text.Clear().Append("Nothing waits, and no lane is in use.\n");
        }
        else if (page.Next is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{page.Lanes.Count} of {page.Total} lanes; --limit shows more, --text only some.\n");
        }

        return text.Append('\n').Append(Nodes(page.Nodes)).ToString();
    }

    public static string One(LaneView lane, DateTimeOffset now)
    {
        var rows = new List<string[]>
        {
            Row("lane", lane.Lane),
            Row("domains", lane.Domains.Count == 0 ? null : string.Join(", ", lane.Domains.Take(10)) + (lane.Domains.Count > 10 ? $" and {lane.Domains.Count - 10} more" : "")),
            Row("waiting", $"{Count(lane.Depth.Due, lane.Depth.AtLeast)} due, {Count(lane.Depth.Later, lane.Depth.AtLeast)} later, {Number(lane.Depth.Waiting)} in memory, {Number(lane.Depth.InHands)} in a worker's hands"),
            Row("oldest", lane.OldestDueAt is { } due ? $"due for {Span(now - due)}" : null),
            Row("next", lane.NextDueAt is { } next ? $"due in {Span(next - now)}" : null),
            Row("limited by", Limiter(lane.LimitedBy, withOrigin: true)),
            Row("rests until", lane.RestsUntil is { } until ? $"{IsoTime.Text(until)}, another {Span(until - now)}; to end it: retry --lane {lane.Lane}" : null),
            Row("last minute", $"{lane.PerMinute.Delivered} delivered, {lane.PerMinute.Deferred} deferred, {lane.PerMinute.Bounced} bounced"),
            Row("last hour", $"{lane.LastHour.Delivered} delivered, {lane.LastHour.Deferred} deferred, {lane.LastHour.Bounced} bounced"),
            Row("connections", lane.Nodes.Count == 0 ? "none, no process has it in memory" : Connections(lane.Connections)),
            Row("rate", lane.RateLimit is { } rate ? rate.Value > 0 ? $"{Number(rate.Value)} per second, {rate.Origin}" : $"no limit, {rate.Origin}" : null),
            Row("ceiling", lane.CeilingPerMinute is { } ceiling
                ? $"{Number(ceiling)} per minute{(lane.SecondsPerMessage is { } s ? $", at {s.ToString("0.###", CultureInfo.InvariantCulture)} s per message" : "")}" : null),
        };
        rows.AddRange(lane.AvoidedHosts.Select(h => Row("avoided", $"{h.Host} ({h.Address}) until {IsoTime.Text(h.Until)}: it did not answer and is tried last")));
        rows.AddRange(lane.Overlays.Select(o => Row("overlay",
            $"{o.Id} {o.Kind}{(o.Factor is { } factor ? FormattableString.Invariant($" to {factor:0.###}") : o.Route is { } route ? $" to {route}" : "")} until {IsoTime.Text(o.Until)}"
            + $"{(o.Domain is { } domain ? $", domain {domain}" : "")}{(o.Account is { } account ? $", account {account}" : "")} ({(o.Rule is { } rule ? $"rule {rule}" : o.Origin)}); to end it: lift {o.Id}")));
        rows.AddRange(lane.Nodes.Select(n => Row("process",
            $"{n.NodeId} on {n.Host}: {n.Waiting} in memory, {n.InHands} in hands, {n.Connections} of {n.ConnectionsAllowed} connections, limited by {Limiter(n.LimitedBy, withOrigin: false)}")));
        rows.AddRange(lane.Replies.Select(r => Row("said", $"{IsoTime.Text(r.At)} {r.Disposition}{(r.Ours ? " (by us)" : "")}: {r.Reply}")));
        return Aligned([.. rows.Where(r => r[1].Length > 0)], right: []);

        static string[] Row(string name, string? value) => [name, value ?? ""];
    }

    private static string Connections(ConnectionsView c) =>
        $"{c.Open} open, {c.Allowed} allowed; window {c.Window}{(c.Ceiling is { } ceiling ? $", the site takes {ceiling}" : "")}; limit {Number(c.Limit!.Value)}, {c.Limit.Origin}";

    private static string Nodes(IReadOnlyList<NodeSeen> nodes) => nodes.Count == 0
        ? "No live process delivers.\n"
        : string.Concat(nodes.Select(n => n.Status is { } s
            ? $"process {n.NodeId} on {n.Host}: {Number(s.InHand)} of {Number(s.InHandLimit)} recipients in hand, {s.Connections} of {s.ConnectionsLimit} connections, {s.Lanes} lane{(s.Lanes == 1 ? "" : "s")}"
              + $"{(s.LanesTold < s.Lanes ? $", the {s.LanesTold} busiest told" : "")}{(s.HasRoom ? "" : ", no room for more")}{(s.Stores ? "" : ", OUTCOMES CANNOT BE STORED")}\n"
            : $"process {n.NodeId} on {n.Host}: has said nothing yet\n"));

    internal static string Limiter(LimitedBy by, bool withOrigin)
    {
        var word = System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(by.By.ToString());
        return by.Figure is { } figure ? $"{word} {Number(figure)}{(withOrigin ? $", {by.Origin}" : "")}"
            : withOrigin && by.Origin is { } origin ? $"{word}: {origin}" : word;
    }

    private static string Aligned(IReadOnlyList<string[]> rows, int[] right)
    {
        // Names of hosts and accounts, and what hosts said.
        rows = [.. rows.Select(r => r.Select(cell => OneLine.Of(cell, LongestCell)).ToArray())];
        var widths = Enumerable.Range(0, rows[0].Length).Select(i => rows.Max(r => r[i].Length)).ToArray();
        return string.Concat(rows.Select(r =>
            string.Join("  ", r.Select((cell, i) => right.Contains(i) ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd() + "\n"));
    }

    private static string Short(string text, int longest) => text.Length <= longest ? text : string.Concat(text.AsSpan(0, longest - 1), "…");

    private static string Count(int count, bool atLeast) => (atLeast && count > 0 ? "≥" : "") + Number(count);

    private static string Number(double number) => number.ToString("#,0.##", CultureInfo.InvariantCulture);

    private static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 1 } => "0s",
        { TotalMinutes: < 1 } => $"{(int)span.TotalSeconds}s",
        { TotalHours: < 1 } => $"{span.Minutes}m{span.Seconds:00}s",
        { TotalDays: < 1 } => $"{span.Hours}h{span.Minutes:00}m",
        _ => $"{(int)span.TotalDays}d{span.Hours:00}h",
    };
}
