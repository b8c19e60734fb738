using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Tests.Outbox;

public sealed class HandTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);
    private readonly Hand hand = new(new OutboxOptions { ReadyRecipients = 10, ReadyOctets = 1000 });

    [Fact]
    public void Nothing_is_reserved_before_delivery_runs_or_beyond_the_room()
    {
        Assert.False(hand.TryReserve(1, 1));
        hand.Open();
        Assert.False(hand.TryReserve(11, 1));
        Assert.False(hand.TryReserve(1, 1001));
        Assert.True(hand.TryReserve(10, 1000));
        Assert.False(hand.TryReserve(1, 1));
        Assert.Equal(0, hand.Room);
        hand.Unreserve(10, 1000);
        hand.Close();
        Assert.False(hand.TryReserve(1, 1));
    }

    [Fact]
    public void What_is_let_go_twice_counts_once()
    {
        var claim = Claim(1);
        hand.Take([claim]);
        hand.LetGo(claim.Id, claim.Attempt);
        hand.LetGo(claim.Id, claim.Attempt);

        Assert.Equal((0, 10), (hand.Count, hand.Room));
    }

    [Fact]
    public void Letting_go_of_a_lease_that_ended_does_not_let_go_of_the_next_one_of_the_same_recipient()
    {
        var first = Claim(1);
        var second = first with { Attempt = 2 };
        hand.Take([first]);

        // The first was settled, and the poll claimed it again before the ledger came to let go of it.
        hand.Take([second]);
        hand.LetGo(first.Id, first.Attempt);

        Assert.True(hand.Holds(second.Id));
        Assert.Equal(1, hand.Count);
        hand.LetGo(second.Id, second.Attempt);
        Assert.Equal(0, hand.Count);
    }

    private static ClaimedRecipient Claim(int attempt) =>
        new(new RecipientId(MessageId.NewRequest(Now), 0), 1, "a@shop.test", "shop.test", attempt, Now, false);
}
