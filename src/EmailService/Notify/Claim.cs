namespace EmailService.Notify;

/// <summary>The right to send for one webhook until <see cref="LeasedUntil"/>. Node and end together name the lease: the end
/// only ever moves on, so whoever settles with an old one changes nothing.</summary>
internal sealed record Claim
{
    public required long WebhookId { get; init; }
    public required int AccountId { get; init; }
    public required string Url { get; init; }
    public required string[] Kinds { get; init; }
    public required byte[] PrivateKey { get; init; }
    public required LogPlace Cursor { get; init; }
    public required int Failures { get; init; }
    public required long NodeId { get; init; }
    public required DateTimeOffset LeasedUntil { get; init; }
}

/// <summary>What a claim found in the log: the webhook's events in the log's order, and the place up to which
/// the log holds nothing else for it.</summary>
internal sealed record LogPage(IReadOnlyList<LoggedEvent> Events, LogPlace End);

/// <summary>A line of the log of deliveries.</summary>
internal sealed record Delivery
{
    public const string Delivered = "delivered";
    public const string Failed = "failed";
    public const string GivenUp = "given_up";

    public long Id { get; init; }
    public required DateTimeOffset At { get; init; }
    public required int DurationMs { get; init; }
    public required int EventCount { get; init; }

    /// <summary>Ids in the log, as in the pull feed.</summary>
    public required long FirstEvent { get; init; }
    public required long LastEvent { get; init; }
    public required string Outcome { get; init; }
    public int? StatusCode { get; init; }
    public string? Error { get; init; }
}

/// <summary>What one try changes, written in one transaction.</summary>
internal sealed record Settlement
{
    public required LogPlace Cursor { get; init; }
    public required int Failures { get; init; }
    public DateTimeOffset? NextTryAt { get; init; }
    public IReadOnlyList<Delivery> Deliveries { get; init; } = [];
}
