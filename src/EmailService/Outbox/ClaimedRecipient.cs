using EmailService.Messages;

namespace EmailService.Outbox;

/// <summary>A recipient that this node holds under a lease. <paramref name="Attempt"/> names the lease:
/// each claim counts one up, and settling asks for the same number.</summary>
/// <param name="Lane">The lane the row lies in: the domain at first, the MX site later.</param>
/// <param name="Processed">An attempt was recorded before, so the log already says "processed".</param>
public sealed record ClaimedRecipient(
    RecipientId Id, int AccountId, string Address, string Lane, int Attempt, DateTimeOffset ExpiresAt, bool Processed)
{
    public MailStream Stream { get; init; }

    /// <summary>The egress source of its last attempt, which is kept to: greylisting knows us by our address. Null if it was not tried.</summary>
    public string? EgressSource { get; init; }

    /// <summary>Why nothing is sent to the address any more, as the detail of the event that says so; null if it is sent.</summary>
    public string? Suppression { get; init; }

    /// <summary>Where it goes: lower-case ASCII, as Accept stored it.</summary>
    public string Domain => MailAddress.DomainOf(Address);
}

/// <summary>A message accepted on this node, committed as leased to it, and handed over in memory.</summary>
public sealed record HandedMessage(Message Message, IReadOnlyList<ClaimedRecipient> Recipients, LeaseStart Leased);

/// <summary>When a lease began: in which era of its node (<see cref="Platform.NodeRegistry.Era"/>), and at what time.</summary>
public readonly record struct LeaseStart(long Era, DateTimeOffset At);
