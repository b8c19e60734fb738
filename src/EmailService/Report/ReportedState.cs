namespace EmailService.Report;

/// <summary>The words in which a recipient's state is told. An open recipient is one of the first four, which the
/// outbox does not tell apart by itself.</summary>
public static class ReportedState
{
    /// <summary>Due, and never tried.</summary>
    public const string Queued = "queued";

    /// <summary>The sender's <c>send_at</c> is ahead.</summary>
    public const string Scheduled = "scheduled";

    /// <summary>Tried, and waiting for the next attempt.</summary>
    public const string Deferred = "deferred";

    /// <summary>In the hands of a worker now.</summary>
    public const string Leased = "leased";

    /// <summary>Every word, the five ends included.</summary>
    public static readonly IReadOnlyList<string> All =
        [Queued, Scheduled, Deferred, Leased, "delivered", "bounced", "expired", "suppressed", "cancelled"];

    public static bool IsOpen(string state) => state is Queued or Scheduled or Deferred or Leased;

    /// <summary>The word for an outbox row; <see cref="MessageSearchStore"/> says the same in SQL.</summary>
    public static string Of(string outboxState, int attempts, DateTimeOffset? sendAt, DateTimeOffset now) =>
        outboxState == Leased ? Leased
        : attempts > 0 ? Deferred
        : sendAt > now ? Scheduled
        : Queued;
}
