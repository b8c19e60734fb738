using EmailService.Messages;

namespace EmailService.Record;

/// <summary>What an attempt came to, for one recipient: everything that becomes fact in one transaction.
/// Either an end (<see cref="End"/>) or a time for the next attempt (<see cref="DueAt"/>).</summary>
public sealed record Settlement
{
    public required RecipientId Recipient { get; init; }

    /// <summary>Names the lease: an outcome of a lease that is no longer ours changes nothing.</summary>
    public required int Attempt { get; init; }

    /// <summary>Where the recipient ends; null when it is tried again.</summary>
    public RecipientState? End { get; init; }

    /// <summary>When it is tried again; null at an end.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>The event that tells it.</summary>
    public required EventKind Event { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>When the message was composed and signed, if the log does not say so yet.</summary>
    public DateTimeOffset? ProcessedAt { get; init; }

    /// <summary>The lane the recipient waits in from now on; null leaves it.</summary>
    public string? Lane { get; init; }

    /// <summary>The egress source that was used, by name; null leaves that of the attempt before.</summary>
    public string? EgressSource { get; init; }

    /// <summary>The last reply, on one line.</summary>
    public string? Reply { get; init; }

    /// <summary>The event's detail, as JSON.</summary>
    public string? DetailJson { get; init; }

    /// <summary>The reason for which the address should get no more mail, as the reply rules name it; null if it may.</summary>
    public string? SuppressAs { get; init; }

    public IReadOnlyList<AttemptStep> Steps { get; init; } = [];
}

/// <summary>One try of one mail host: a row of <c>attempts</c>.</summary>
public sealed record AttemptStep
{
    public required DateTimeOffset StartedAt { get; init; }
    public required TimeSpan Duration { get; init; }
    public required Disposition Disposition { get; init; }
    public FailureScope? Scope { get; init; }
    public required string Stage { get; init; }
    public string? MailHost { get; init; }
    public string? Remote { get; init; }
    /// <summary>Our own address.</summary>
    public string? Source { get; init; }
    public string? Reply { get; init; }
    public bool ReplyIsOurs { get; init; }

    /// <summary>Protocol and cipher suite; null in the clear.</summary>
    public string? Tls { get; init; }

    /// <summary>What TLS came to, and why that was enough or not, as JSON.</summary>
    public string? TlsVerdict { get; init; }

    /// <summary>What the try counts as in reports about TLS, if it counts.</summary>
    public TlsSession? TlsSession { get; init; }

    public string? Transcript { get; init; }
}
