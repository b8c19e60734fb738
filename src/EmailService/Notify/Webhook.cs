namespace EmailService.Notify;

/// <summary>A webhook as its owner sees it.</summary>
internal sealed record Webhook
{
    public required long Id { get; init; }
    public required string Url { get; init; }
    public required bool Enabled { get; init; }
    public required string[] Kinds { get; init; }
    public required byte[] PublicKey { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Since the last 2xx.</summary>
    public int Failures { get; init; }
    public DateTimeOffset? NextTryAt { get; init; }
}

/// <summary>What a caller wants to set; null leaves it as it is.</summary>
internal sealed record WebhookChange(string? Url, string[]? Kinds, bool? Enabled);
