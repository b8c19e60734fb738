using EmailService.Messages;

namespace EmailService.Notify;

/// <summary>A place in the event log: everything up to and including it has been dealt with.</summary>
internal readonly record struct LogPlace(ulong Xact, long Id);

/// <summary>One event of the log with what its message adds to it.</summary>
internal sealed record LoggedEvent
{
    public required LogPlace Place { get; init; }
    public required RecipientId Recipient { get; init; }
    public required int AccountId { get; init; }
    public required EventKind Kind { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Address { get; init; }
    public int Attempt { get; init; }

    /// <summary>JSON, with the keys that Record writes.</summary>
    public string? Detail { get; init; }

    // From the message; null once its day has been dropped.
    public string? FromAddress { get; init; }
    public DateTimeOffset? SendAt { get; init; }
    public IReadOnlyList<string>? Categories { get; init; }

    /// <summary>A JSON object.</summary>
    public string? CustomArgs { get; init; }
}
