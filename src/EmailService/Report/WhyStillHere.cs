using System.Globalization;
using System.Text.Json;
using EmailService.Platform;
using EmailService.Steer;

namespace EmailService.Report;

/// <summary>The answer to "why is it still here?": one sentence, and the facts it is made of.</summary>
public sealed record WhyStillHere
{
    public required string Sentence { get; init; }

    /// <summary>Null while an attempt is under way.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }
    public required int Attempts { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? LastAttemptAt { get; init; }
    public string? LastReply { get; init; }
    public required string Lane { get; init; }
    public Holder? HeldBy { get; init; }

    /// <summary>The account's recipients in the same lane that are due before it; null when nobody counted.
    /// Counting stops at <see cref="CountLimit"/>.</summary>
    public int? Ahead { get; init; }

    /// <summary>What keeps its lane from going faster now; null when no process has the lane in memory.</summary>
    public LimitedBy? LimitedBy { get; init; }

    /// <summary>Since when an attempt is under way; null when none is, as far as the process that holds it says.</summary>
    public DateTimeOffset? AttemptSince { get; init; }

    /// <summary>The lane gets nothing until then, because no host of it gave a session.</summary>
    public DateTimeOffset? LaneRestsUntil { get; init; }

    /// <summary>Hosts of the lane that did not answer lately.</summary>
    public required IReadOnlyList<AvoidedHost> AvoidedHosts { get; init; }

    /// <summary>The overlay that keeps it back.</summary>
    public long? SuspendedBy { get; init; }
    public DateTimeOffset? SuspendedUntil { get; init; }

    /// <summary>Where it goes instead of its mail hosts, by an overlay.</summary>
    public string? ReroutedTo { get; init; }

    /// <summary>What TLS came to at the last attempt that got so far.</summary>
    public JsonElement? TlsVerdict { get; init; }

    /// <summary>More are ahead than anybody wants to know exactly.</summary>
    public const int CountLimit = 1000;

    /// <param name="row">The recipient as the outbox has it.</param>
    /// <param name="sendAt">What the sender asked for.</param>
    /// <param name="somebodyDelivers">Whether a live process has the role deliver.</param>
    /// <param name="facts">What the processes say, and what is imposed.</param>
    /// <param name="tls">The TLS verdict of its last attempt.</param>
    /// <param name="now">The present.</param>
    public static WhyStillHere Explain(
        OpenRecipient row, DateTimeOffset? sendAt, bool somebodyDelivers, RecipientFacts facts, JsonElement? tls, DateTimeOffset now) => new()
    {
        Sentence = Tell(row, sendAt, somebodyDelivers, facts, now) + Tls(tls),
        NextAttemptAt = row.HeldBy is null ? row.DueAt : null,
        Attempts = row.Attempts,
        ExpiresAt = row.ExpiresAt,
        LastAttemptAt = row.LastAttemptAt,
        LastReply = row.LastReply,
        Lane = row.Lane,
        HeldBy = row.HeldBy,
        Ahead = row.Ahead,
        LimitedBy = facts.LimitedBy,
        AttemptSince = facts.AttemptSince,
        LaneRestsUntil = facts.RestsUntil,
        AvoidedHosts = facts.AvoidedHosts,
        SuspendedBy = facts.Suspension?.Id,
        SuspendedUntil = facts.Suspension?.Until,
        ReroutedTo = facts.Route,
        TlsVerdict = tls,
    };

    private static string Tell(OpenRecipient row, DateTimeOffset? sendAt, bool somebodyDelivers, RecipientFacts facts, DateTimeOffset now)
    {
        if (row.HeldBy is { } holder)
        {
            return Held(row, holder, facts, now);
        }

        return ReportedState.Of(row.State, row.Attempts, sendAt, now) switch
        {
            ReportedState.Scheduled => $"The sender asked for it to be sent at {IsoTime.Text(sendAt!.Value)}.",
            ReportedState.Deferred => Tried(row) + Next(row, somebodyDelivers, now) + Around(row, facts, now),
            _ => "It was not tried yet." + Next(row, somebodyDelivers, now) + Around(row, facts, now),
        };
    }

    private static string Held(OpenRecipient row, Holder holder, RecipientFacts facts, DateTimeOffset now)
    {
        var name = holder.Host is null ? $"process {holder.NodeId}" : $"{holder.Host} (process {holder.ProcessId})";
        return (holder.Alive, holder.LeasedUntil > now) switch
        {
            (true, true) => $"{name} holds it for attempt {Math.Max(1, row.Attempts)}" + Doing(facts),
            (true, false) => $"{name} held it for longer than its lease; it goes back into the queue.",
            (false, _) => $"{name} held it and is gone; another process takes it up.",
        };
    }

    /// <summary>What the process that holds it does with it, as far as it says.</summary>
    private static string Doing(RecipientFacts facts) => facts switch
    {
        { AttemptSince: { } since } => $", which is under way since {IsoTime.Text(since)}.",
        { LimitedBy: { By: not (LaneLimiter.NothingDue or LaneLimiter.Starting) } by } => $". {Limit(facts.Lane, by)}",
        _ => ".",
    };

    /// <summary>What besides its own next attempt it waits for.</summary>
    private static string Around(OpenRecipient row, RecipientFacts facts, DateTimeOffset now) => facts switch
    {
        { Suspension: { } overlay } =>
            $" The overlay {overlay.Id} ({(overlay.Rule is { } rule ? $"rule {rule}" : overlay.Origin.ToName())}) keeps it back until {IsoTime.Text(overlay.Until)}, unless it is lifted.",
        { RestsUntil: { } until } => $" The lane {facts.Lane} rests until {IsoTime.Text(until)}, because no host of it gave a session.",
        { LimitedBy: { By: not (LaneLimiter.NothingDue or LaneLimiter.Starting) } by } when row.DueAt <= now => $" {Limit(facts.Lane, by)}",
        _ => "",
    };

    private static string Limit(string lane, LimitedBy by)
    {
        var figure = by.Figure?.ToString("0.###", CultureInfo.InvariantCulture);
        return by.By switch
        {
            LaneLimiter.Rate => $"It waits for its turn: the lane {lane} sends {figure} messages per second ({by.Origin}).",
            LaneLimiter.Connections => $"It waits for a connection: the lane {lane} has {figure} at most ({by.Origin}).",
            LaneLimiter.Window => $"It waits for a connection: the lane {lane} dares {figure} now ({by.Origin}).",
            LaneLimiter.AllConnections => $"It waits for a connection: the process has {figure} in all, and all are taken ({by.Origin}).",
            LaneLimiter.Rest => $"The lane {lane} rests: {by.Origin}.",
            LaneLimiter.Suspended => $"The lane {lane} is suspended: {by.Origin}.",
            LaneLimiter.Store => $"Nothing is tried now: {by.Origin}.",
            LaneLimiter.Memory => $"The processes hold all that they may ({figure}, {by.Origin}).",
            LaneLimiter.NoNode => $"Nobody delivers: {by.Origin}.",
            LaneLimiter.NothingDue or LaneLimiter.Starting => "",
        };
    }

    private static string Tls(JsonElement? verdict) =>
        verdict is { ValueKind: JsonValueKind.Object } tls && tls.TryGetProperty("passed", out var passed) && passed.ValueKind == JsonValueKind.False
            ? $" At the last attempt TLS was not what {(tls.TryGetProperty("policy", out var policy) ? policy : "the policy")} asks{(tls.TryGetProperty("problem", out var problem) ? $": {problem}" : "")}."
            : "";

    private static string Tried(OpenRecipient row)
    {
        var times = row.Attempts == 1 ? "once" : $"{row.Attempts} times";
        return row.LastReply is null
            ? $"It was tried {times}; what came of the last attempt is not known."
            : $"It was tried {times}; the last reply was \"{row.LastReply}\".";
    }

    private static string Next(OpenRecipient row, bool somebodyDelivers, DateTimeOffset now)
    {
        var end = $" It is given up at {IsoTime.Text(row.ExpiresAt)}.";
        if (row.DueAt > now)
        {
            return $" The next attempt is at {IsoTime.Text(row.DueAt)}.{end}";
        }

        if (!somebodyDelivers)
        {
            return $" It is due, but no live process has the role deliver.{end}";
        }

        return row.Ahead switch
        {
            null => $" It is due and waits for its turn in the lane {row.Lane}.{end}",
            0 => $" It is due and next in the lane {row.Lane}, where accounts take turns.{end}",
            >= CountLimit => $" It is due; {CountLimit:N0} or more recipients of the account in the lane {row.Lane} are before it.{end}",
            1 => $" It is due; one recipient of the account in the lane {row.Lane} is before it.{end}",
            { } ahead => $" It is due; {ahead.ToString("N0", CultureInfo.InvariantCulture)} recipients of the account in the lane {row.Lane} are before it.{end}",
        };
    }
}

/// <summary>A recipient that has not come to its end, as the outbox has it.</summary>
public sealed record OpenRecipient
{
    public required short N { get; init; }
    public required string Address { get; init; }
    public required string Lane { get; init; }
    public required string State { get; init; }
    public required DateTimeOffset DueAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public required int Attempts { get; init; }
    public DateTimeOffset? LastAttemptAt { get; init; }
    public string? LastReply { get; init; }
    public Holder? HeldBy { get; init; }
    public int? Ahead { get; init; }
}
