namespace EmailService.Steer;

/// <summary>What an overlay does.</summary>
public enum OverlayKind
{
    /// <summary>Nothing of the scope starts.</summary>
    Suspend,

    /// <summary>The lane goes at <see cref="Overlay.Factor"/> of its pace.</summary>
    LowerRate,

    /// <summary>The lane's mail does not leave by the source.</summary>
    NextSource,

    /// <summary>What falls into the scope goes to <see cref="Overlay.Route"/>.</summary>
    Reroute,
}

/// <summary>Who imposed it.</summary>
public enum OverlayOrigin
{
    /// <summary>A reply rule, after a mail host's answers.</summary>
    Reply,

    /// <summary>Somebody, by the API or the command line.</summary>
    Operator,
}

/// <summary>What an overlay lies over: what agrees with all that is given.</summary>
/// <param name="Lane">The site, as <c>outbox.lane</c> has it.</param>
/// <param name="Source">The name of an egress source.</param>
/// <param name="Domain">The recipient's, in lower case.</param>
/// <param name="AccountId">The sender's.</param>
public sealed record OverlayScope(string? Lane = null, string? Source = null, string? Domain = null, int? AccountId = null)
{
    /// <summary>All of a lane, whatever source, domain and account.</summary>
    public bool IsWholeLane => Lane is not null && Source is null && Domain is null && AccountId is null;

    /// <summary>Whether this mail falls into it. What is null there is not known, and agrees with nothing that is given here.</summary>
    public bool Covers(string? lane, string? source, string? domain, int? accountId) =>
        (Lane is null || Lane == lane) && (Source is null || Source == source)
        && (Domain is null || Domain == domain) && (AccountId is null || AccountId == accountId);

    public override string ToString() => string.Join(", ", new[]
    {
        Lane is null ? null : $"lane {Lane}", Source is null ? null : $"source {Source}",
        Domain is null ? null : $"domain {Domain}", AccountId is null ? null : $"account {AccountId}",
    }.OfType<string>());
}

/// <summary>What is imposed on some of the traffic until a given time. Ends by itself, and may be lifted before.</summary>
public sealed record Overlay
{
    public required long Id { get; init; }
    public required OverlayKind Kind { get; init; }
    public required OverlayScope Scope { get; init; }

    /// <summary>The part of the pace that remains, for <see cref="OverlayKind.LowerRate"/>; else 1.</summary>
    public double Factor { get; init; } = 1;

    /// <summary><c>host:port</c>, for <see cref="OverlayKind.Reroute"/>.</summary>
    public string? Route { get; init; }
    public required DateTimeOffset Until { get; init; }
    public required OverlayOrigin Origin { get; init; }

    /// <summary>The reply rule, if one imposed it.</summary>
    public string? Rule { get; init; }

    /// <summary>The host's reply that led to it.</summary>
    public string? Reply { get; init; }

    /// <summary>The id of the API key that imposed it; null if the command line or a rule did.</summary>
    public string? KeyId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was last imposed again.</summary>
    public required DateTimeOffset ChangedAt { get; init; }
}

/// <summary>The spellings of the table, the API and the command line.</summary>
public static class OverlayNames
{
    public static string ToName(this OverlayKind kind) => kind switch
    {
        OverlayKind.Suspend => "suspend",
        OverlayKind.LowerRate => "lower_rate",
        OverlayKind.NextSource => "next_source",
        OverlayKind.Reroute => "reroute",
    };

    public static string ToName(this OverlayOrigin origin) => origin switch
    {
        OverlayOrigin.Reply => "reply",
        OverlayOrigin.Operator => "operator",
    };

    public static OverlayKind KindOf(string name) => Enum.GetValues<OverlayKind>().First(kind => kind.ToName() == name);

    public static OverlayOrigin OriginOf(string name) => Enum.GetValues<OverlayOrigin>().First(origin => origin.ToName() == name);
}
