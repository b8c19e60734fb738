using System.Globalization;

namespace EmailService.Egress;

/// <summary>How much a new source may send a day: a list of daily caps, or a first cap that grows by a factor. Days are those of UTC; before
/// the start nothing goes out, and after the last day of the plan the source counts as warm.</summary>
public sealed record WarmUpSettings
{
    /// <summary>The first day, as <c>2026-12-01</c>.</summary>
    public string Start { get; init; } = "";

    /// <summary>The cap of each day, in order; empty to use the other three.</summary>
    public IReadOnlyList<int> DailyCaps { get; init; } = [];

    /// <summary>The cap of the first day.</summary>
    public int FirstDay { get; init; } = 50;

    /// <summary>By how much each day's cap is larger than that of the day before.</summary>
    public double Factor { get; init; } = 1.5;

    /// <summary>How many days the plan has.</summary>
    public int Days { get; init; } = 20;

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (!DateOnly.TryParseExact(Start, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
        {
            yield return (nameof(Start), $"found \"{Start}\", expected a date such as 2026-12-01");
        }

        for (var i = 0; i < DailyCaps.Count; i++)
        {
            if (DailyCaps[i] < 1)
            {
                yield return ($"{nameof(DailyCaps)}:{i}", $"found {DailyCaps[i]}, expected at least 1");
            }
        }

        if (FirstDay < 1)
        {
            yield return (nameof(FirstDay), $"found {FirstDay}, expected at least 1");
        }

        if (Factor is < 1 or > 10 or double.NaN)
        {
            yield return (nameof(Factor), $"found {Factor.ToString(CultureInfo.InvariantCulture)}, expected 1 to 10");
        }

        if (Days is < 1 or > 365)
        {
            yield return (nameof(Days), $"found {Days}, expected 1 to 365");
        }
    }

    /// <summary>The plan. The settings must have been checked.</summary>
    public WarmUpPlan ToPlan() => new(
        DateOnly.ParseExact(Start, "yyyy-MM-dd", CultureInfo.InvariantCulture),
        DailyCaps.Count > 0
            ? DailyCaps
            : [.. Enumerable.Range(0, Days).Select(day => (int)Math.Min(int.MaxValue, Math.Floor(FirstDay * Math.Pow(Factor, day))))]);
}
