using System.Text.Json.Serialization;

namespace EmailService.Deliver;

/// <summary>What one node tells the others about the pace of one of its lanes.</summary>
public sealed record PaceTold
{
    /// <summary>Who says so.</summary>
    public long NodeId { get; init; }

    /// <summary>Messages that it would send in a second: those that wait for their turn, or as many as came in the last one if that is more.
    /// Not more than can matter.</summary>
    public int Wanted { get; init; }

    /// <summary>Sessions that it has, or is opening.</summary>
    public int Sessions { get; init; }

    public RateLearned? RateLearned { get; init; }

    public SessionsLearned? SessionsLearned { get; init; }

    /// <summary>It was refused the only session it asked for: others may have all that there are.</summary>
    public bool WasRefusedAlone { get; init; }

    /// <summary>How long it is remembered, from the last refusal on.</summary>
    public DateTimeOffset KeptUntil { get; init; }

    /// <summary>There is something about the site that all who send there must know.</summary>
    [JsonIgnore]
    public bool Matters => RateLearned is not null || SessionsLearned is not null || WasRefusedAlone;

    /// <summary>It sends there, or would if it might.</summary>
    [JsonIgnore]
    public bool IsThere => Wanted > 0 || Sessions > 0 || WasRefusedAlone;

    /// <summary>It can be what a node of ours says.</summary>
    [JsonIgnore]
    public bool IsSound => Wanted is >= 0 and <= PaceDivision.Most && Sessions >= 0
        && RateLearned is null or { Version: > 0 and < int.MaxValue, Ceiling: > 0 and < double.PositiveInfinity, Increase: > 1, Quiet: > 0 }
        && SessionsLearned is null or { Version: > 0 and < int.MaxValue, Ceiling: > 0, Quiet: > 0 };
}
