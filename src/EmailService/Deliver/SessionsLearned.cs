namespace EmailService.Deliver;

/// <summary>What is known about how many sessions a site takes, as nodes tell it each other. Pure.</summary>
public sealed record SessionsLearned
{
    /// <summary>Counts the changes. Of two with the same number, made by two nodes at once, the lower ceiling holds.</summary>
    public int Version { get; init; } = 1;

    /// <summary>Sessions that the site takes from all nodes together.</summary>
    public required int Ceiling { get; init; }

    /// <summary>Answers before the next try of one more.</summary>
    public required int Quiet { get; init; }

    /// <summary>The ceiling is more than had been taken before, and has not been refused.</summary>
    public bool IsTrying { get; init; }

    internal bool IsNewerThan(SessionsLearned? other) =>
        other is null || Version > other.Version || (Version == other.Version && Ceiling < other.Ceiling);
}
