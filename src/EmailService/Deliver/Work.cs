using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Route;
using EmailService.Sign;

namespace EmailService.Deliver;

/// <summary>A message of which this node holds recipients: composed and signed once, by whoever needs it first.</summary>
public sealed class MessageInHand
{
    private readonly Lazy<Task<SignedMessage?>> signed;
    private readonly Hand hand;
    private readonly int size;
    private int open;

    public MessageInHand(Message message, int recipients, LeaseStart leased, bool handed, int size, IMessageSigner signer, Hand hand)
    {
        Message = message;
        this.hand = hand;
        open = recipients;
        this.size = size;
        Leased = leased;
        IsHanded = handed;
        signed = new Lazy<Task<SignedMessage?>>(() => signer.SignAsync(message, CancellationToken.None).AsTask());
    }

    public Message Message { get; }

    /// <summary>When its recipients were leased to this node.</summary>
    public LeaseStart Leased { get; }

    /// <summary>Its content counts against the room that Accept reserved, not against that of what is read from the table.</summary>
    public bool IsHanded { get; }

    public Task<SignedMessage?> SignAsync() => signed.Value;

    /// <summary>One recipient fewer; with the last one the content is let go.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref open) != 0)
        {
            return;
        }

        if (IsHanded)
        {
            hand.LetGoOfContent(size);
        }
        else
        {
            hand.CountClaimed(-size);
        }
    }
}

/// <summary>One recipient to deliver to now: the claim, its message, where it goes, and which of our addresses carries it.</summary>
public sealed record Work(ClaimedRecipient Claim, MessageInHand InHand, RoutePlan.Hosts Plan, EgressSource Source)
{
    /// <summary>The day of whose cap an allowance of the source was taken for it; null if none was.</summary>
    public DateOnly? AllowedOn { get; init; }
}
