namespace EmailService.Deliver;

/// <summary>What is known about the rate that a site takes, as nodes tell it each other. Pure.</summary>
public sealed record RateLearned
{
    /// <summary>Counts the changes. Of two with the same number, made by two nodes at once, the lower ceiling holds.</summary>
    public int Version { get; init; } = First;

    /// <summary>Messages a second that the site takes from all nodes together.</summary>
    public required double Ceiling { get; init; }

    /// <summary>In the first version: the part of the ceiling that this node saw taken.</summary>
    public int Took { get; init; }

    /// <summary>The ceiling before the try that is on.</summary>
    public double Good { get; init; }

    /// <summary>By how much the next try is more than the ceiling.</summary>
    public required double Increase { get; init; }

    /// <summary>By how much a refusal outside a try lowered the ceiling the last time.</summary>
    public double Decrease { get; init; }

    /// <summary>Answers before the next try.</summary>
    public required int Quiet { get; init; }

    /// <summary>The ceiling is more than had been taken before, and has not been refused.</summary>
    public bool IsTrying { get; init; }

    /// <summary>Too much was found, and the tries come closer to it.</summary>
    public bool IsClosingIn { get; init; }

    internal const int First = 1;

    internal bool IsNewerThan(RateLearned? other) =>
        other is null || Version > other.Version || (Version == other.Version && Ceiling < other.Ceiling);
}
