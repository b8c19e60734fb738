namespace EmailService.Egress;

/// <summary>Daily caps of a source from a first day on. Pure.</summary>
public sealed record WarmUpPlan(DateOnly Start, IReadOnlyList<int> Caps)
{
    /// <summary>The step of the plan on a day, from 1; 0 before it and null after it.</summary>
    public int? StepOn(DateOnly day) => (day.DayNumber - Start.DayNumber) switch
    {
        < 0 => 0,
        var step when step < Caps.Count => step + 1,
        _ => null,
    };

    /// <summary>What may go out on a day; null once the source is warm.</summary>
    public int? CapOn(DateOnly day) => StepOn(day) switch
    {
        null => null,
        0 => 0,
        { } step => Caps[step - 1],
    };

    /// <summary>What of a day's cap may have gone out by a time of it. With warm sources beside it, all at any time: what is above goes by them.
    /// Alone, half at any time and the rest evenly over the day, so that whoever comes in the evening finds something left.</summary>
    public static int OpenBy(DateTimeOffset now, int cap, bool isPaced)
    {
        // Rounded up, or a cap of 1 would open at midnight, when it is over.
        return isPaced ? (int)Math.Ceiling(cap * (0.5 + (now.UtcDateTime.TimeOfDay / TimeSpan.FromDays(1) / 2))) : cap;
    }

    /// <summary>How long it takes for one more to be open.</summary>
    public static TimeSpan Interval(int cap) => cap == 0 ? TimeSpan.FromHours(1) : TimeSpan.FromDays(2) / cap;
}
