using System.Text.Json;

namespace EmailService.Report;

/// <summary>One event of the log as the API tells it.</summary>
public sealed record FeedEvent
{
    /// <summary>Names the event for good: the same in every answer.</summary>
    public required string Id { get; init; }

    /// <summary>Give it as <c>after</c> to go on behind this event.</summary>
    public required string Cursor { get; init; }
    public required string Kind { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>Null, like place and address, for an event about a domain.</summary>
    public required string? MessageId { get; init; }
    public required short? N { get; init; }
    public required string? Email { get; init; }

    /// <summary>The sender's domain that the event is about; null for one about a message.</summary>
    public required string? Domain { get; init; }
    public required int Attempt { get; init; }
    public JsonElement? Detail { get; init; }
}
