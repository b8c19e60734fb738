using EmailService.Compose;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Sign;

namespace EmailService.Deliver;

/// <summary>A message of which this node holds recipients: composed and signed once, by whoever needs it first.</summary>
public sealed class MessageInHand
{
    private readonly Lock gate = new();
    private readonly IMessageSigner signer;
    private readonly Hand hand;
    private Lazy<Task<SignedMessage?>> signed;
    private readonly int size;
    private int open;
    private int attempts;

    public MessageInHand(Message message, int recipients, LeaseStart leased, bool handed, int size, IMessageSigner signer, Hand hand)
    {
        Message = message;
        this.hand = hand;
        open = recipients;
        this.size = size;
        Leased = leased;
        IsHanded = handed;
        this.signer = signer;
        IsLarge = message.Content.Weight >= MessageComposer.LargeFrom;
        signed = ToBeSigned();
    }

    /// <summary>What is composed of it is held for an attempt only, in room that is bounded over all messages.</summary>
    public bool IsLarge { get; }

    public Message Message { get; }

    /// <summary>When its recipients were leased to this node.</summary>
    public LeaseStart Leased { get; }

    /// <summary>Its content counts against the room that Accept reserved, not against that of what is read from the table.</summary>
    public bool IsHanded { get; }

    /// <summary>All sites that it goes to were known to answer when it was read from the table.</summary>
    public bool IsProven { get; init; } = true;

    public Task<SignedMessage?> SignAsync() => signed.Value;

    /// <summary>An attempt begins for which a large message will be composed.</summary>
    public void PickUp()
    {
        lock (gate)
        {
            attempts++;
        }
    }

    /// <summary>The attempt is over. With the last one, what was composed is let go: its other recipients may wait for long.</summary>
    public void PutDown()
    {
        lock (gate)
        {
            if (--attempts == 0)
            {
                signed = ToBeSigned();
            }
        }
    }

    /// <summary>One recipient fewer; with the last one the content is let go.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref open) != 0)
        {
            return;
        }

        if (IsHanded)
        {
            hand.LetGoOfContent(size, Message.AccountId);
        }
        else
        {
            hand.CountClaimed(-size, IsProven, Message.AccountId);
        }
    }

    private Lazy<Task<SignedMessage?>> ToBeSigned() => new(() => signer.SignAsync(Message, CancellationToken.None).AsTask());
}

/// <summary>One recipient to deliver to now: the claim, its message, where it goes, and which of our addresses carries it.</summary>
public sealed record Work(ClaimedRecipient Claim, MessageInHand InHand, RoutePlan.Hosts Plan, EgressSource Source)
{
    /// <summary>The day of whose cap an allowance of the source was taken for it; null if none was.</summary>
    public DateOnly? AllowedOn { get; init; }

    /// <summary>Memory to compose it in, while it is large and attempted.</summary>
    public WaitingRoom.Place? Place { get; set; }

    /// <summary>Its attempt is over, or there is none.</summary>
    public void PutDown()
    {
        if (Place is { } place)
        {
            InHand.PutDown();
            place.Dispose();
            Place = null;
        }
    }
}
