namespace EmailService.Notify;

/// <summary>What an answer means for a webhook: the whole rule of retrying and giving up.</summary>
internal static class Verdict
{
    /// <summary>Nothing is given up before it failed this often in a row: events may be a day old when they are first tried,
    /// because the service was down.</summary>
    private const int FailuresBeforeGivingUp = 3;

    /// <param name="claim">The lease under which the events were sent.</param>
    /// <param name="sent">The events of the request, in the log's order; at least one.</param>
    /// <param name="end">How far the log holds nothing but them.</param>
    /// <param name="answer">What the receiver said.</param>
    /// <param name="startedAt">When the request was sent.</param>
    /// <param name="now">When its answer was there.</param>
    /// <param name="options">Backoff and the age at which an event is given up.</param>
    /// <param name="chance">From 0 to 1.</param>
    public static Settlement Of(
        Claim claim, IReadOnlyList<LoggedEvent> sent, LogPlace end, PostAnswer answer,
        DateTimeOffset startedAt, DateTimeOffset now, NotifyOptions options, double chance)
    {
        var tried = Line(sent, answer.IsTaken ? Delivery.Delivered : Delivery.Failed, answer, startedAt);
        if (answer.IsTaken)
        {
            return new Settlement { Cursor = end, Failures = 0, Deliveries = [tried] };
        }

        var failures = claim.Failures + 1;

        // Only from the front: what is passed over must not be overtaken by what waits before it.
        var old = failures < FailuresBeforeGivingUp
            ? []
            : sent.TakeWhile(logged => logged.At + options.GiveUpAfter <= now).ToList();

        // After a day of failing the next events may be as old: they get their try soon, not a long pause each.
        var pause = old.Count == sent.Count
            ? options.BackoffFirst
            : Backoff.After(failures, options.BackoffFirst, options.BackoffMax, chance);
        return new Settlement
        {
            Cursor = old.Count == sent.Count ? end : old.Count > 0 ? old[^1].Place : claim.Cursor,
            Failures = failures,
            NextTryAt = now + pause,
            Deliveries = old.Count > 0 ? [tried, Line(old, Delivery.GivenUp, answer, startedAt)] : [tried],
        };
    }

    private static Delivery Line(IReadOnlyList<LoggedEvent> events, string outcome, PostAnswer answer, DateTimeOffset startedAt) => new()
    {
        At = startedAt,
        DurationMs = answer.DurationMs,
        EventCount = events.Count,
        FirstEvent = events[0].Place.Id,
        LastEvent = events[^1].Place.Id,
        Outcome = outcome,
        StatusCode = answer.StatusCode,
        Error = answer.Error,
    };
}
