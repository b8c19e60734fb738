using EmailService.Messages;
using EmailService.Outbox;
using static EmailService.Tests.Outbox.StoreFixture;

namespace EmailService.Tests.Outbox;

public sealed class OutboxStoreTests
{
    [Fact]
    public async Task A_claim_takes_what_is_due_first_and_counts_the_attempt()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(5);
        await store.EnqueueAsync(5, dueInSeconds: 3600);
        await store.EnqueueAsync(5, "other.test");

        var claimed = await store.ClaimAsync(3);
        var rest = await store.ClaimAsync(100);

        Assert.Equal(["a5@shop.test", "a4@shop.test", "a3@shop.test"], claimed.Select(c => c.Address).OrderDescending());
        Assert.All(claimed, c => Assert.Equal((1, "shop.test", 1, false), (c.Attempt, c.Lane, c.AccountId, c.Processed)));
        Assert.Equal(2, rest.Count);
        Assert.Empty(await store.ClaimAsync(100));
    }

    [Fact]
    public async Task Claims_of_many_at_once_share_and_never_overlap()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(500);

        var claims = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => store.ClaimAsync(100)));

        var all = claims.SelectMany(c => c).Select(c => c.Id).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
        all.AddRange((await store.ClaimAsync(500)).Select(c => c.Id));
        Assert.Equal(500, all.Distinct().Count());
    }

    [Fact]
    public async Task Transactional_mail_is_claimed_first_and_bulk_gets_its_part_and_what_is_left_over()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(200, dueInSeconds: -3600, stream: MailStream.Bulk);
        await store.EnqueueAsync(100);

        Assert.Equal((90, 10), await ClaimAsync());
        Assert.Equal((10, 90), await ClaimAsync());
        Assert.Equal((0, 100), await ClaimAsync());

        async Task<(int, int)> ClaimAsync()
        {
            var claimed = await store.Outbox.ClaimDueAsync([new WantedLane("shop.test", 90, 100, 100)], Node, Now, Now.AddHours(2), CancellationToken.None);
            return (claimed.Count(c => c.Stream == MailStream.Transactional), claimed.Count(c => c.Stream == MailStream.Bulk));
        }
    }

    [Fact]
    public async Task Accounts_are_found_that_have_something_due_in_a_lane_and_stream_the_first_of_each_lane_first()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(3, account: 5);
        await store.EnqueueAsync(3, account: 2);
        await store.EnqueueAsync(3, account: 9, dueInSeconds: 60);
        await store.EnqueueAsync(3, account: 7, stream: MailStream.Bulk);
        await store.EnqueueAsync(1, "other.test", account: 8);
        await store.ClaimAsync(1, "other.test");
        await store.EnqueueAsync(1, "other.test", account: 3);
        List<AccountSearch> searches = [new("shop.test", MailStream.Transactional, int.MinValue), new("other.test", MailStream.Transactional, int.MinValue)];

        Assert.Equal([("shop.test", 2), ("other.test", 3), ("shop.test", 5)], await FindAsync(searches, 10));
        Assert.Equal([("shop.test", 2), ("other.test", 3)], await FindAsync(searches, 2));
        Assert.Equal([("shop.test", 5)], await FindAsync([new("shop.test", MailStream.Transactional, 2)], 10));
        Assert.Equal([("shop.test", 7)], await FindAsync([new("shop.test", MailStream.Bulk, int.MinValue)], 10));

        async Task<IEnumerable<(string, int)>> FindAsync(List<AccountSearch> searches, int limit) =>
            (await store.Outbox.FindDueAccountsAsync(searches, Now, limit, CancellationToken.None)).Select(a => (a.Lane, a.AccountId));
    }

    [Fact]
    public async Task A_claim_by_accounts_takes_of_each_what_is_due_first()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(5);
        await store.EnqueueAsync(5, account: 2, dueInSeconds: 60);
        await store.EnqueueAsync(2, account: 2);
        await store.EnqueueAsync(5, account: 3);

        var claimed = await ClaimByAccountsAsync(store, 3);

        Assert.Equal(
            [(1, "a5@shop.test"), (1, "a4@shop.test"), (1, "a3@shop.test"), (2, "a2@shop.test"), (2, "a1@shop.test")],
            claimed.OrderBy(c => c.AccountId).ThenByDescending(c => c.Address, StringComparer.Ordinal).Select(c => (c.AccountId, c.Address)));
        Assert.All(claimed, c => Assert.Equal(1, c.Attempt));
    }

    [Fact]
    public async Task Claims_by_accounts_of_many_at_once_share_and_never_overlap()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(200);
        await store.EnqueueAsync(200, account: 2);

        var claims = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => i % 2 == 0 ? ClaimByAccountsAsync(store, 30) : store.ClaimAsync(30)));

        var all = claims.SelectMany(c => c).Select(c => c.Id).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());
        all.AddRange((await ClaimByAccountsAsync(store, 200)).Select(c => c.Id));
        Assert.Equal(400, all.Distinct().Count());
    }

    private static Task<List<ClaimedRecipient>> ClaimByAccountsAsync(StoreFixture store, int most) => store.Outbox.ClaimDueOfAccountsAsync(
        [new("shop.test", MailStream.Transactional, 1, most), new("shop.test", MailStream.Transactional, 2, most)], Node, Now, Now.AddHours(2), CancellationToken.None);

    [Fact]
    public async Task Lanes_are_found_by_stream()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(3, "a.test", stream: MailStream.Bulk);
        await store.EnqueueAsync(1, "a.test", 60);
        await store.EnqueueAsync(2, "b.test", stream: MailStream.Bulk);

        var lanes = await store.Outbox.FindDueLanesAsync(CancellationToken.None);

        Assert.Equal(
            [("a.test", MailStream.Transactional, Now.AddMilliseconds(59_999)), ("a.test", MailStream.Bulk, Now.AddMilliseconds(-3)), ("b.test", MailStream.Bulk, Now.AddMilliseconds(-2))],
            lanes.Select(l => (l.Lane, l.Stream, l.DueAt)));
    }

    [Fact]
    public async Task Lanes_are_found_with_the_time_of_their_first_recipient()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(3, "a.test", 60);
        await store.EnqueueAsync(3, "b.test");
        await store.EnqueueAsync(1, "c.test");
        await store.ClaimAsync(1, "c.test");

        var lanes = await store.Outbox.FindDueLanesAsync(CancellationToken.None);

        Assert.Equal([("a.test", Now.AddMilliseconds(59_997)), ("b.test", Now.AddMilliseconds(-3))], lanes.Select(l => (l.Lane, l.DueAt)).Order());
    }

    [Fact]
    public async Task What_is_given_back_was_not_an_attempt()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1);
        var claim = Assert.Single(await store.ClaimAsync(1));

        await store.Outbox.GiveBackAsync([(claim, Now, "mx:mx.shop.test")], CancellationToken.None);
        await store.Outbox.GiveBackAsync([(claim, Now, "mx:mx.shop.test")], CancellationToken.None);

        var again = Assert.Single(await store.ClaimAsync(1, "mx:mx.shop.test"));
        Assert.Equal(claim.Attempt, again.Attempt);
    }

    [Fact]
    public async Task A_lease_that_runs_out_at_a_node_that_lives_is_abandoned_too()
    {
        await using var store = await CreateAsync();
        var living = await store.ScalarAsync<long>("INSERT INTO nodes (host, process_id, roles) VALUES ('other', 1, '{deliver}') RETURNING id");
        await store.EnqueueAsync(2);
        await store.Outbox.ClaimDueAsync([new WantedLane("shop.test", 1, 1, 1)], living, Now, Now.AddHours(2), CancellationToken.None);
        await store.Outbox.ClaimDueAsync([new WantedLane("shop.test", 1, 1, 1)], living, Now, Now.AddHours(4), CancellationToken.None);

        Assert.Empty(await FindAbandonedAsync(store, Now.AddHours(1)));
        var lease = Assert.Single(await FindAbandonedAsync(store, Now.AddHours(3)));
        Assert.Equal(1, await store.Outbox.ReclaimAsync([(lease, Now)], CancellationToken.None));
        Assert.Equal(0, await store.Outbox.ReclaimAsync([(lease, Now)], CancellationToken.None));
        Assert.Equal(2, Assert.Single(await store.ClaimAsync(5)).Attempt);
    }

    [Fact]
    public async Task A_lease_that_its_holder_lengthened_after_it_was_found_abandoned_is_not_taken_back()
    {
        await using var store = await CreateAsync();
        var living = await store.ScalarAsync<long>("INSERT INTO nodes (host, process_id, roles) VALUES ('other', 1, '{deliver}') RETURNING id");
        await store.EnqueueAsync(1);
        var claim = Assert.Single(await store.Outbox.ClaimDueAsync([new WantedLane("shop.test", 1, 1, 1)], living, Now, Now.AddHours(2), CancellationToken.None));
        var found = Assert.Single(await FindAbandonedAsync(store, Now.AddHours(3)));

        Assert.True(await store.Outbox.RenewAsync(claim, living, Now.AddHours(5), CancellationToken.None));

        Assert.Equal(0, await store.Outbox.ReclaimAsync([(found, Now)], CancellationToken.None));
    }

    private static Task<List<Abandoned>> FindAbandonedAsync(StoreFixture store, DateTimeOffset now) =>
        store.Outbox.FindAbandonedAsync(TimeSpan.FromSeconds(10), now, 100, Node, CancellationToken.None);
}
