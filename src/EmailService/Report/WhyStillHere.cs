using System.Globalization;

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

    /// <summary>Recipients of the same lane that are due before it; null when nobody counted.
    /// Counting stops at <see cref="CountLimit"/>.</summary>
    public int? Ahead { get; init; }

    /// <summary>More are ahead than anybody wants to know exactly.</summary>
    public const int CountLimit = 1000;

    /// <param name="row">The recipient as the outbox has it.</param>
    /// <param name="sendAt">What the sender asked for.</param>
    /// <param name="somebodyDelivers">Whether a live process has the role deliver.</param>
    /// <param name="now">The present.</param>
    public static WhyStillHere Explain(OpenRecipient row, DateTimeOffset? sendAt, bool somebodyDelivers, DateTimeOffset now) => new()
    {
        Sentence = Tell(row, sendAt, somebodyDelivers, now),
        NextAttemptAt = row.HeldBy is null ? row.DueAt : null,
        Attempts = row.Attempts,
        ExpiresAt = row.ExpiresAt,
        LastAttemptAt = row.LastAttemptAt,
        LastReply = row.LastReply,
        Lane = row.Lane,
        HeldBy = row.HeldBy,
        Ahead = row.Ahead,
    };

    private static string Tell(OpenRecipient row, DateTimeOffset? sendAt, bool somebodyDelivers, DateTimeOffset now)
    {
        if (row.HeldBy is { } holder)
        {
            return Held(row, holder, now);
        }

        return ReportedState.Of(row.State, row.Attempts, sendAt, now) switch
        {
            ReportedState.Scheduled => $"The sender asked for it to be sent at {Time(sendAt!.Value)}.",
            ReportedState.Deferred => Tried(row) + Next(row, somebodyDelivers, now),
            _ => "It was not tried yet." + Next(row, somebodyDelivers, now),
        };
    }

    private static string Held(OpenRecipient row, Holder holder, DateTimeOffset now)
    {
        var name = holder.Host is null ? $"process {holder.NodeId}" : $"{holder.Host} (process {holder.ProcessId})";
        return (holder.Alive, holder.LeasedUntil > now) switch
        {
            (true, true) => $"{name} holds it for attempt {Math.Max(1, row.Attempts)}.",
            (true, false) => $"{name} held it for longer than its lease; it goes back into the queue.",
            (false, _) => $"{name} held it and is gone; another process takes it up.",
        };
    }

    private static string Tried(OpenRecipient row)
    {
        var times = row.Attempts == 1 ? "once" : $"{row.Attempts} times";
        return row.LastReply is null
            ? $"It was tried {times}; what came of the last attempt is not known."
            : $"It was tried {times}; the last reply was \"{row.LastReply}\".";
    }

    private static string Next(OpenRecipient row, bool somebodyDelivers, DateTimeOffset now)
    {
        var end = $" It is given up at {Time(row.ExpiresAt)}.";
        if (row.DueAt > now)
        {
            return $" The next attempt is at {Time(row.DueAt)}.{end}";
        }

        if (!somebodyDelivers)
        {
            return $" It is due, but no live process has the role deliver.{end}";
        }

        return row.Ahead switch
        {
            null => $" It is due and waits for its turn in the lane {row.Lane}.{end}",
            0 => $" It is due and next in the lane {row.Lane}.{end}",
            >= CountLimit => $" It is due; {CountLimit:N0} or more recipients of the lane {row.Lane} are before it.{end}",
            1 => $" It is due; one recipient of the lane {row.Lane} is before it.{end}",
            { } ahead => $" It is due; {ahead.ToString("N0", CultureInfo.InvariantCulture)} recipients of the lane {row.Lane} are before it.{end}",
        };
    }

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
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
