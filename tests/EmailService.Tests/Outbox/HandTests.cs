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
        Assert.False(hand.TryReserve(Claims(1), 1));
        hand.Open();
        Assert.False(hand.TryReserve(Claims(3), 1));
        Assert.False(hand.TryReserve(Claims(1), 1001));
        var two = Claims(2);
        Assert.True(hand.TryReserve(two, 1000));
        Assert.False(hand.TryReserve(Claims(1, "other.test"), 1));
        Assert.Equal(8, hand.RoomOf(MailStream.Transactional));
        hand.Unreserve(two, 1000);
        Assert.Equal(10, hand.RoomOf(MailStream.Transactional));
        hand.Close();
        Assert.False(hand.TryReserve(Claims(1), 1));
    }

    [Fact]
    public void A_lane_that_stands_still_leaves_room_for_others_and_for_what_waits_in_the_table()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 1000, ReadyOctets = 1_000_000 });
        large.Open();
        while (large.TryReserve(Claims(1, "stuck.test"), 1))
        {
        }

        Assert.Equal(200, large.Count);
        Assert.Equal(200, large.RoomFor("stuck.test", MailStream.Transactional));
        Assert.Equal(400, large.RoomFor("other.test", MailStream.Transactional));
        Assert.True(large.TryReserve(Claims(100, "other.test"), 1));
    }

    [Fact]
    public void Mail_for_ten_thousand_sites_that_do_not_answer_leaves_half_of_the_room_to_those_that_do()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 1000, ReadyOctets = 100_000 }, standings: new OneAnswers("good.test"));
        large.Open();
        var taken = Enumerable.Range(0, 10_000).Count(i => large.TryReserve(Claims(1, $"silent{i}.test"), 1));

        Assert.Equal(500, taken);
        Assert.Equal(0, large.RoomOfUnproven);
        Assert.Equal(0, large.RoomFor("other.test", MailStream.Transactional));
        Assert.Equal(250, large.RoomFor("good.test", MailStream.Transactional));
        Assert.False(large.TryReserve([.. Claims(1, "good.test"), .. Claims(1, "other.test")], 1));
        Assert.True(large.TryReserve(Claims(100, "good.test"), 1));
    }

    [Fact]
    public void The_content_of_such_mail_leaves_half_of_its_room_as_well()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 1000, ReadyOctets = 1000 }, standings: new OneAnswers("good.test"));
        large.Open();

        Assert.True(large.TryReserve(Claims(1, "silent.test"), 500));
        Assert.False(large.TryReserve(Claims(1, "other.test"), 1));
        Assert.True(large.TryReserve(Claims(1, "good.test"), 500));
    }

    [Fact]
    public void So_does_their_content_that_is_read_from_the_table()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 1000, ReadyOctets = 1000 }, standings: new OneAnswers("good.test"));

        large.CountClaimed(600, isProven: true, 1);
        Assert.True(large is { HasRoomForContentOfUnproven: true, RoomOfUnproven: 500 });
        large.CountClaimed(500, isProven: false, 1);
        Assert.True(large is { HasRoomForContentOfUnproven: false, RoomOfUnproven: 0 });

        large.CountClaimed(-500, isProven: false, 1);
        large.CountClaimed(-600, isProven: true, 1);
        Assert.Equal((500, 1000), (large.RoomOfUnproven, large.RoomForOctets(MailStream.Transactional)));
    }

    [Fact]
    public void What_such_mail_had_is_free_again_also_if_its_site_has_answered_meanwhile()
    {
        var answers = new OneAnswers("");
        var large = new Hand(new OutboxOptions { ReadyRecipients = 100, ReadyOctets = 1000 }, standings: answers);
        large.Open();
        var held = Claims(10, "new.test");
        Assert.True(large.TryReserve(held, 1));
        answers.Name = "new.test";
        Assert.Equal(40, large.RoomOfUnproven);

        large.Unreserve(held, 1);

        Assert.Equal(50, large.RoomOfUnproven);
    }

    private sealed class OneAnswers(string name) : ISiteStandings
    {
        public string Name { get; set; } = name;

        public bool Answers(string site) => site == Name;
    }

    [Fact]
    public void Bulk_leaves_room_for_transactional_mail_in_its_lane_and_in_all()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 800, ReadyOctets = 8000 });
        large.Open();
        large.Take(Claims(350, "one.test", MailStream.Bulk));
        large.Take(Claims(350, "two.test", MailStream.Bulk, account: 2));

        Assert.Equal(0, large.RoomOf(MailStream.Bulk));
        Assert.False(large.TryReserve(Claims(1, "one.test", MailStream.Bulk), 1));
        Assert.Equal(100, large.RoomOf(MailStream.Transactional));
        Assert.True(large.TryReserve(Claims(20, "one.test"), 1));
        Assert.Equal(20, large.RoomFor("one.test", MailStream.Transactional));
    }

    [Theory]
    [InlineData(MailStream.Transactional)]
    [InlineData(MailStream.Bulk)]
    public void An_account_that_fills_a_lane_leaves_others_a_few_places_there(MailStream stream)
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 640, ReadyOctets = 1_000_000 });
        large.Open();
        while (large.RoomFor("one.test", stream) > 0)
        {
            large.Take(Claims(1, "one.test", stream));
        }

        Assert.False(large.TryReserve(Claims(1, "one.test", stream), 1));
        Assert.Equal((0, 10), (large.ReserveFor("one.test", stream, 1), large.ReserveFor("one.test", stream, 2)));

        // Handed over are half of these; so claims find some of them too.
        Assert.False(large.TryReserve(Claims(6, "one.test", stream, account: 2), 1));
        Assert.True(large.TryReserve(Claims(5, "one.test", stream, account: 2), 1));
        Assert.False(large.TryReserve(Claims(1, "one.test", stream, account: 2), 1));
        Assert.Equal(5, large.ReserveFor("one.test", stream, 2));
        large.Take(Claims(1, "one.test", stream, account: 2));
        Assert.Equal(0, large.ReserveFor("one.test", stream, 2));
        Assert.True(large.TryReserve(Claims(5, "one.test", stream, account: 3), 1));
    }

    [Fact]
    public void An_account_that_is_alone_finds_no_more_than_the_rooms_of_its_lanes_so_that_one_more_lane_finds_some()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 6400, ReadyOctets = 1_000_000 });
        large.Open();
        for (var i = 0; i < 5; i++)
        {
            large.Take(Claims(large.RoomFor($"slow{i}.test", MailStream.Transactional), $"slow{i}.test"));
        }

        Assert.All(Enumerable.Range(0, 100), i => Assert.Equal(0, large.ReserveFor($"slow{i}.test", MailStream.Transactional, 1)));
        Assert.True(large.TryReserve(Claims(20, "quick.test"), 1));
    }

    [Fact]
    public void However_many_lanes_others_find_their_places_in_some_are_left_to_hand_over()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 6400, ReadyOctets = 1_000_000 });
        large.Open();
        for (var i = 0; i < 1000; i++)
        {
            large.Take(Claims(1, $"slow{i}.test"));
            large.Take(Claims(large.ReserveFor($"slow{i}.test", MailStream.Transactional, 2), $"slow{i}.test", account: 2));
        }

        Assert.True(large.TryReserve(Claims(50, "quick.test", account: 3), 1));
    }

    [Fact]
    public void An_account_that_fills_lane_after_lane_leaves_an_eighth_of_the_room_to_others()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 800, ReadyOctets = 1_000_000 });
        large.Open();
        for (var i = 0; i < 100; i++)
        {
            large.Take(Claims(large.RoomFor($"d{i}.test", MailStream.Transactional), $"d{i}.test"));
        }

        Assert.Equal(700, large.Count);
        Assert.Equal((0, 100), (large.RoomOf(MailStream.Transactional, 1), large.RoomOf(MailStream.Transactional, 2)));
        Assert.Equal(0, large.RoomOf(MailStream.Transactional));
        Assert.Equal((0, 100), (large.RoomToClaimOfAny(MailStream.Transactional), large.RoomToClaim(MailStream.Transactional, 2)));
        Assert.False(large.TryReserve(Claims(1, "new.test"), 1));
        Assert.True(large.TryReserve(Claims(1, "new.test", account: 2), 1));
        Assert.True(large.TryReserve(Claims(1, "d0.test", account: 2), 1));
    }

    [Fact]
    public void What_many_accounts_hold_leaves_an_eighth_of_the_room_that_nobody_is_given_whose_account_is_not_known()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 800, ReadyOctets = 6400 });
        for (var i = 0; i < 70; i++)
        {
            Assert.True(large.RoomToClaimOfAny(MailStream.Transactional) > 0);
            large.Take(Claims(10, $"d{i}.test", account: i));
        }

        Assert.Equal((0, 100, 100), (large.RoomToClaimOfAny(MailStream.Transactional), large.RoomToClaim(MailStream.Transactional), large.RoomToClaim(MailStream.Transactional, Hand.AnyOther)));
        large.CountClaimed(5601, isProven: true, 1);
        Assert.Equal((0, 100), (large.RoomToClaim(MailStream.Transactional), large.RoomToClaim(MailStream.Transactional, Hand.AnyOther)));
    }

    [Fact]
    public void So_it_does_of_the_room_for_content()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 800, ReadyOctets = 8000 });
        large.Open();
        Assert.True(large.TryReserve(Claims(1, "a.test"), 7000));
        Assert.False(large.TryReserve(Claims(1, "a.test"), 1));
        Assert.True(large.TryReserve(Claims(1, "a.test", account: 2), 1000));
        large.LetGoOfContent(7000, 1);
        Assert.True(large.TryReserve(Claims(1, "a.test"), 4000));

        // Nothing is claimed yet: one claim may bring of one account what leaves the others an eighth.
        Assert.Equal(7000, large.RoomForOctets(MailStream.Transactional, 1));
        large.CountClaimed(6500, isProven: true, 1);
        Assert.Equal(
            (500, 500, 1500),
            (large.RoomForOctets(MailStream.Transactional), large.RoomForOctets(MailStream.Transactional, 1), large.RoomForOctets(MailStream.Transactional, 2)));
        large.CountClaimed(-6500, isProven: true, 1);
        Assert.Equal(8000, large.RoomForOctets(MailStream.Transactional));
    }

    [Fact]
    public void An_account_with_its_share_of_the_content_finds_no_place_in_a_full_lane_and_another_does()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 6400, ReadyOctets = 6400 });
        large.Open();
        large.Take(Claims(20, "one.test"));
        large.Take(Claims(1, "one.test", account: 2));
        large.CountClaimed(5500, isProven: true, 1);
        Assert.Equal((80, 99), (large.ReserveFor("one.test", MailStream.Transactional, 1), large.ReserveFor("one.test", MailStream.Transactional, 2)));

        large.CountClaimed(1, isProven: true, 1);
        Assert.Equal((0, 99), (large.ReserveFor("one.test", MailStream.Transactional, 1), large.ReserveFor("one.test", MailStream.Transactional, 2)));
    }

    [Fact]
    public void Sites_that_do_not_answer_have_no_places_for_accounts_while_their_content_has_half_of_its_room()
    {
        var large = new Hand(new OutboxOptions { ReadyRecipients = 6400, ReadyOctets = 6400 }, standings: new OneAnswers("good.test"));
        large.Take(Claims(1, "slow.test"));
        large.Take(Claims(1, "good.test"));
        large.CountClaimed(3200, isProven: false, 1);

        Assert.Equal((0, 100), (large.ReserveFor("slow.test", MailStream.Transactional, 2), large.ReserveFor("good.test", MailStream.Transactional, 2)));
    }

    [Fact]
    public void Bulk_leaves_room_for_the_content_of_transactional_mail()
    {
        hand.Open();

        Assert.False(hand.TryReserve(Claims(1, stream: MailStream.Bulk, account: 2), 876));
        Assert.True(hand.TryReserve(Claims(1, stream: MailStream.Bulk, account: 2), 875));
        Assert.True(hand.TryReserve(Claims(1, "b.test"), 125));
        Assert.Equal((1000, 875), (hand.RoomForOctets(MailStream.Transactional), hand.RoomForOctets(MailStream.Bulk)));
    }

    [Fact]
    public void Domains_of_one_site_share_its_room_once_it_is_known()
    {
        hand.Open();
        hand.NoteSite("a.test", "mx:site");
        hand.NoteSite("b.test", "mx:site");

        Assert.True(hand.TryReserve(Claims(2, "a.test"), 1));
        Assert.False(hand.TryReserve(Claims(1, "b.test"), 1));
        Assert.True(hand.TryReserve(Claims(1, "c.test"), 1));
    }

    [Fact]
    public void What_is_let_go_twice_counts_once()
    {
        var claim = Claim(1);
        hand.Take([claim]);
        hand.LetGo(claim.Id, claim.Attempt);
        hand.LetGo(claim.Id, claim.Attempt);

        Assert.Equal((0, 10), (hand.Count, hand.RoomOf(MailStream.Transactional)));
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

    private static List<ClaimedRecipient> Claims(int count, string lane = "shop.test", MailStream stream = MailStream.Transactional, int account = 1) =>
        [.. Enumerable.Range(0, count).Select(_ => Claim(1) with { Lane = lane, Stream = stream, AccountId = account })];

    private static ClaimedRecipient Claim(int attempt) =>
        new(new RecipientId(MessageId.NewRequest(Now), 0), 1, "a@shop.test", "shop.test", attempt, Now, false);
}
