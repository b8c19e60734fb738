using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Simulation;

/// <summary>A row of the model of <c>outbox</c>.</summary>
internal sealed class Row(ClaimedRecipient recipient, long order, DateTimeOffset dueAt)
{
    public RecipientId Id => recipient.Id;
    public int AccountId => recipient.AccountId;
    public string Address => recipient.Address;
    public MailStream Stream => recipient.Stream;
    public DateTimeOffset ExpiresAt => recipient.ExpiresAt;
    public long Order => order;
    public string Lane { get; set; } = recipient.Lane;
    public DateTimeOffset DueAt { get; set; } = dueAt;
    public int Attempts { get; set; }

    /// <summary>Whose it is; 0 while queued.</summary>
    public long NodeId { get; set; }
    public DateTimeOffset LeasedUntil { get; set; }
    public bool Processed { get; set; }
    public DateTimeOffset? LastAttemptAt { get; set; }

    public bool IsLeased => NodeId != 0;

    public ClaimedRecipient ToClaim() => recipient with { Lane = Lane, Attempt = Attempts, Processed = Processed };

    public Abandoned ToLease() => new(Id, Attempts, NodeId, LeasedUntil);

    public static readonly IComparer<Row> ByDue = Comparer<Row>.Create((a, b) =>
        a.DueAt != b.DueAt ? a.DueAt.CompareTo(b.DueAt) : a.Order.CompareTo(b.Order));

    public static readonly IComparer<Row> ByOrder = Comparer<Row>.Create((a, b) => a.Order.CompareTo(b.Order));
}
