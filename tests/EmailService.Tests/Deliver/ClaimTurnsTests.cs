using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Deliver;

/// <summary>Which accounts a claim takes from where a lane has more due than is claimed at once.</summary>
public sealed class ClaimTurnsTests
{
    private const string Lane = "shop.test";
    private const MailStream Stream = MailStream.Transactional;
    private readonly ClaimTurns turns = new(new Random(1));
    private readonly Hand hand = new(new OutboxOptions());

    [Fact]
    public void A_lane_that_is_worked_off_in_one_claim_is_never_searched()
    {
        List<WantedLane> wanted = [new(Lane, 90, 100, 100)];

        Assert.Empty(turns.Searches(Due(Lane), wanted));
        Assert.False(turns.Note(wanted, Claimed(Lane, 99, 1)));
        Assert.Empty(turns.Searches(Due(Lane), wanted));
    }

    [Fact]
    public void A_lane_whose_claim_brought_all_that_was_wanted_is_divided_until_one_does_not()
    {
        List<WantedLane> wanted = [new(Lane, 90, 100, 100)];
        Assert.True(turns.Note(wanted, Claimed(Lane, 100, 1)));
        Assert.Equal(2, turns.Searches(Due(Lane), wanted).Count);

        var divided = turns.Divide(wanted, [new(Lane, Stream, 1), new(Lane, Stream, 2)], new(hand), _ => 0);
        Assert.Empty(wanted);
        Assert.Equal([45, 45], divided.Select(d => d.Most));
        Assert.True(turns.Note(divided, Claimed(Lane, 45, 1)));
        Assert.NotEmpty(turns.Searches(Due(Lane), [new(Lane, 90, 100, 100)]));

        Assert.False(turns.Note(divided, Claimed(Lane, 44, 1)));
        Assert.Empty(turns.Searches(Due(Lane), [new(Lane, 90, 100, 100)]));
    }

    [Fact]
    public void A_lane_of_one_account_is_claimed_from_as_ever()
    {
        List<WantedLane> wanted = [new(Lane, 90, 100, 100)];
        turns.Note(wanted, Claimed(Lane, 100, 1));

        Assert.Empty(turns.Divide(wanted, [new(Lane, Stream, 1), new(Lane, MailStream.Bulk, 1)], new(hand), _ => 5));
        Assert.Equal(new WantedLane(Lane, 90, 100, 100), Assert.Single(wanted));
    }

    [Fact]
    public void Bulk_has_its_tenth_of_a_lane_that_is_divided_or_all_of_it()
    {
        Assert.Equal([5, 5], Bulk(new WantedLane(Lane, 90, 100, 100)));
        Assert.Equal([50, 50], Bulk(new WantedLane(Lane, 0, 100, 100)));
        Assert.Equal([48, 47], Bulk(new WantedLane(Lane, 5, 100, 100)));

        IEnumerable<int> Bulk(WantedLane lane)
        {
            List<WantedLane> wanted = [lane];
            turns.Note(wanted, Claimed(Lane, 100, 1));
            return turns.Divide(wanted, [new(Lane, Stream, 1), new(Lane, MailStream.Bulk, 1), new(Lane, MailStream.Bulk, 2)], new(hand), _ => 0)
                .Where(d => d.Stream == MailStream.Bulk).Select(d => d.Most);
        }
    }

    [Fact]
    public void What_transactional_mail_does_not_use_of_a_lane_that_is_divided_goes_to_bulk_in_the_next_round()
    {
        var whole = new WantedLane(Lane, 900, 1000, 1000);
        turns.Note([whole], Claimed(Lane, 1000, 1));

        Assert.Equal([900, 100], Round(transactional: 2, bulk: 100));
        Assert.Equal([100, 900], Round(transactional: 2, bulk: 900));
        Assert.Equal([100, 900], Round(transactional: 60, bulk: 900));
        Assert.Equal([120, 880], Round(transactional: 120, bulk: 880));
        Assert.Equal([900, 100], Round(transactional: 900, bulk: 100));
        Assert.Equal([900, 100], Round(transactional: 300, bulk: 100));
        Assert.Equal([600, 400], Round(transactional: 600, bulk: 400));

        IEnumerable<int> Round(int transactional, int bulk)
        {
            List<WantedLane> wanted = [whole];
            var divided = turns.Divide(wanted, [new(Lane, Stream, 1), new(Lane, MailStream.Bulk, 2)], new(hand), _ => 0);
            Assert.Empty(wanted);
            turns.Note(divided, [.. Claimed(Lane, transactional, 1), .. Claimed(Lane, bulk, 2).Select(c => c with { Stream = MailStream.Bulk })]);
            return divided.Select(d => d.Most);
        }
    }

    [Fact]
    public void Bulk_has_all_of_a_lane_that_is_divided_where_nothing_transactional_was_found()
    {
        List<WantedLane> wanted = [new(Lane, 900, 1000, 1000)];
        turns.Note(wanted, Claimed(Lane, 1000, 1));

        Assert.Equal([500, 500], turns.Divide(wanted, [new(Lane, MailStream.Bulk, 1), new(Lane, MailStream.Bulk, 2)], new(hand), _ => 0).Select(d => d.Most));
    }

    [Fact]
    public void Of_a_lane_that_is_full_each_account_is_wanted_what_it_finds_there()
    {
        Assert.Equal([new AccountSearch(Lane, Stream, int.MinValue)], turns.Searches([(Lane, Stream)], []));

        var granted = new GrantedClaims(hand);
        var divided = turns.Divide(
            [], [new(Lane, Stream, 1), new(Lane, Stream, 2), new(Lane, Stream, 3)], granted, a => a.AccountId == 1 ? 0 : Math.Min(10, 15 - granted.Count));

        Assert.Equal([2, 3], divided.Select(d => d.AccountId));
        Assert.Equal([5, 10], divided.Select(d => d.Most).Order());
        Assert.Equal(15, granted.Count);
    }

    [Fact]
    public void Where_what_they_find_does_not_reach_all_accounts_each_has_its_turn()
    {
        var had = new HashSet<int>();
        for (var i = 0; i < 100; i++)
        {
            var granted = new GrantedClaims(hand);
            had.UnionWith(turns.Divide(
                [], [.. Enumerable.Range(1, 5).Select(a => new DueAccount(Lane, Stream, a))], granted, _ => 10 - granted.Count).Select(d => d.AccountId));
        }

        Assert.Equal([1, 2, 3, 4, 5], had.Order());
    }

    [Fact]
    public void An_account_with_little_in_a_lane_that_is_divided_gets_what_it_would_find_in_a_full_one()
    {
        List<WantedLane> wanted = [new(Lane, 10, 0, 10)];
        turns.Note(wanted, Claimed(Lane, 10, 1));

        var granted = new GrantedClaims(hand);
        var divided = turns.Divide(
            wanted, [new(Lane, Stream, 1), new(Lane, Stream, 2)], granted, a => a.AccountId == 2 ? 8 - granted.Of(Lane, Stream, 2) : 0);

        Assert.Equal([5, 8], divided.Select(d => d.Most));
    }

    [Fact]
    public void Where_a_share_does_not_reach_all_accounts_the_next_round_goes_on_behind_the_last_one()
    {
        List<WantedLane> wanted = [new(Lane, 2, 0, 2)];
        turns.Note(wanted, Claimed(Lane, 2, 1));
        var divided = turns.Divide(wanted, [.. Enumerable.Range(1, 5).Select(a => new DueAccount(Lane, Stream, a))], new(hand), _ => 0);
        Assert.Equal([1, 2], divided.Select(d => d.AccountId));

        turns.Note(divided, Claimed(Lane, 1, 1));
        Assert.Equal([new AccountSearch(Lane, Stream, 2)], turns.Searches([(Lane, Stream)], [new(Lane, 2, 0, 2)]));
    }

    [Fact]
    public void A_search_that_was_cut_off_goes_on_behind_the_last_account_and_then_from_the_first()
    {
        turns.Divide([], [.. Enumerable.Range(1, ClaimTurns.MaxAccounts).Select(a => new DueAccount(Lane, Stream, a))], new(hand), _ => 0);
        Assert.Equal([new AccountSearch(Lane, Stream, ClaimTurns.MaxAccounts)], turns.Searches([(Lane, Stream)], []));

        turns.Divide([], [new(Lane, Stream, ClaimTurns.MaxAccounts + 1)], new(hand), _ => 0);
        Assert.Equal([new AccountSearch(Lane, Stream, int.MinValue)], turns.Searches([(Lane, Stream)], []));
    }

    [Fact]
    public void What_is_divided_of_a_lane_is_never_more_than_was_wanted_and_no_account_has_two_more_than_another() =>
        Prop.ForAll<PositiveInt, PositiveInt>((most, accounts) =>
        {
            var own = new ClaimTurns(new Random(1));
            List<WantedLane> wanted = [new(Lane, most.Get, 0, most.Get)];
            own.Note(wanted, Claimed(Lane, most.Get, 1));
            var divided = own.Divide(wanted, [.. Enumerable.Range(1, 1 + accounts.Get).Select(a => new DueAccount(Lane, Stream, a))], new(hand), _ => 0);
            return divided.Sum(d => d.Most) == most.Get && divided.Max(d => d.Most) - divided.Min(d => d.Most) <= 1;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    private static List<(string Lane, MailStream Stream)> Due(string lane) => [(lane, Stream), (lane, MailStream.Bulk)];

    private static List<ClaimedRecipient> Claimed(string lane, int count, int account) =>
        [.. Enumerable.Range(0, count).Select(_ => new ClaimedRecipient(default, account, "a@shop.test", lane, 1, DateTimeOffset.UnixEpoch, false))];
}
