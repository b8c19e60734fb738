namespace EmailService.Report.Doctor;

/// <summary>How bad it is.</summary>
public enum Level
{
    Ok,

    /// <summary>Works now, and will not for long or not once delivery is live.</summary>
    Warn,
    Fail,
}

/// <summary>What one check found.</summary>
/// <param name="Check">The check's name.</param>
/// <param name="Level">How bad it is.</param>
/// <param name="Found">What was found, with what was expected where that differs.</param>
/// <param name="Advice">What to do; null when there is nothing to do.</param>
public sealed record Finding(string Check, Level Level, string Found, string? Advice = null)
{
    public static Finding Ok(string check, string found) => new(check, Level.Ok, found);

    public static Finding Warn(string check, string found, string advice) => new(check, Level.Warn, found, advice);

    public static Finding Fail(string check, string found, string advice) => new(check, Level.Fail, found, advice);
}
