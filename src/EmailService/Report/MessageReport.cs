using System.Text.Json;

namespace EmailService.Report;

/// <summary>All that is known of one message: what <c>GET /v1/messages/{id}</c> answers.</summary>
public sealed record MessageReport
{
    public required string Id { get; init; }

    /// <summary>The id of message 0 of the same request, its <c>X-Message-Id</c>.</summary>
    public required string RequestId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? SendAt { get; init; }
    public required string From { get; init; }
    public required string Subject { get; init; }

    /// <summary>Octets of the request's content, before compression.</summary>
    public required int Size { get; init; }
    public required string OnUnknown { get; init; }

    /// <summary><c>transactional</c> or <c>bulk</c>.</summary>
    public required string Stream { get; init; }

    /// <summary>The pool of egress sources that the sender named.</summary>
    public string? IpPoolName { get; init; }
    public required IReadOnlyList<string> Categories { get; init; }
    public JsonElement? CustomArgs { get; init; }
    public required int RecipientCount { get; init; }
    public required IReadOnlyList<RecipientReport> Recipients { get; init; }

    /// <summary>Some attempts, events or transcripts were left out for their number; <c>?n=</c> shows one recipient whole.</summary>
    public required bool Shortened { get; init; }
}

/// <summary>One address of the message and its own fate.</summary>
public sealed record RecipientReport
{
    public required short N { get; init; }
    public required string Email { get; init; }

    /// <summary>to, cc or bcc; null when the envelope cannot be read.</summary>
    public string? Kind { get; init; }

    /// <summary>See <see cref="ReportedState"/>.</summary>
    public required string State { get; init; }
    public DateTimeOffset? SettledAt { get; init; }

    /// <summary>The last reply, code and enhanced code included.</summary>
    public string? Reply { get; init; }

    /// <summary>Why it is still here; null once settled.</summary>
    public WhyStillHere? Why { get; init; }
    public required IReadOnlyList<AttemptReport> Attempts { get; init; }
    public required IReadOnlyList<FeedEvent> Events { get; init; }
}

/// <summary>One try of one mail host.</summary>
public sealed record AttemptReport
{
    public required int Attempt { get; init; }
    public required short Step { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required int DurationMs { get; init; }
    public string? MailHost { get; init; }
    public string? Remote { get; init; }

    /// <summary>The egress source, by name.</summary>
    public string? EgressSource { get; init; }
    public required string Stage { get; init; }
    public required string Disposition { get; init; }
    public string? Scope { get; init; }
    public string? Reply { get; init; }
    public required bool ReplyIsOurs { get; init; }

    /// <summary>Protocol and cipher suite; null when in the clear.</summary>
    public string? Tls { get; init; }

    /// <summary>Which TLS policy held, what came of it and why.</summary>
    public System.Text.Json.JsonElement? TlsVerdict { get; init; }
    public string? Transcript { get; init; }
}

/// <summary>The process that holds a recipient now.</summary>
public sealed record Holder(long NodeId, string? Host, int? ProcessId, bool Alive, DateTimeOffset LeasedUntil);
