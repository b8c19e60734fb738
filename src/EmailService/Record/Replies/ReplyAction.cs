namespace EmailService.Record;

/// <summary>What to do when a rule has matched.</summary>
public enum ReplyActionKind
{
    /// <summary>Nothing goes to the lane for <see cref="ReplyAction.For"/>.</summary>
    SuspendLane,

    /// <summary>The lane's rate is multiplied by <see cref="ReplyAction.Factor"/> for <see cref="ReplyAction.For"/>.</summary>
    LowerRate,

    /// <summary>Another egress source takes the lane's mail for <see cref="ReplyAction.For"/>.</summary>
    NextSource,

    /// <summary>The recipient bounces at once, although the reply was a 4xx.</summary>
    Bounce,

    /// <summary>The recipient's next attempt is <see cref="ReplyAction.For"/> from now, instead of when the retry rule says.</summary>
    Defer,
}

/// <summary>An action of a rule, as the file gives it. Checked when it is read; the lanes carry it out.</summary>
/// <param name="Do">Which action.</param>
/// <param name="For">How long it holds, or the delay of <see cref="ReplyActionKind.Defer"/>; zero for <see cref="ReplyActionKind.Bounce"/>.</param>
/// <param name="Factor">Above 0 and below 1, for <see cref="ReplyActionKind.LowerRate"/>; else 1.</param>
/// <param name="TriggerCount">It begins with the so-many-th match on one lane, 1 to 1000 …</param>
/// <param name="TriggerWithin">… within this time; zero when the first match is enough.</param>
public sealed record ReplyAction(ReplyActionKind Do, TimeSpan For, double Factor, int TriggerCount, TimeSpan TriggerWithin)
{
    /// <summary>An overlay that outlives a week is a setting, not a reaction.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(7);
}
