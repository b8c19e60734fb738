using EmailService.Tests.Outbox;
using static EmailService.Tests.Outbox.StoreFixture;

namespace EmailService.Tests.Record;

public sealed class LedgerStoreTests
{
    [Fact]
    public async Task An_outcome_becomes_state_attempt_and_event()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(2);
        var claims = await store.ClaimAsync(2);

        Assert.Equal(2, await store.Ledger.SettleAsync([Delivered(claims[0]), Deferred(claims[1])], CancellationToken.None));

        Assert.Equal(claims[0].Address, await store.ScalarAsync<string>("SELECT address FROM settled WHERE state = 'delivered' AND attempts = 1"));
        Assert.Equal(claims[1].Address, await store.ScalarAsync<string>("SELECT address FROM outbox WHERE state = 'queued' AND lane = 'mx:mx.shop.test' AND NOT processed"));
        Assert.Equal(2, await store.ScalarAsync<long>("SELECT count(*) FROM attempts"));
        Assert.Equal("processed delivered", await EventsAsync(store, claims[0].Address));
        Assert.Equal("deferred", await EventsAsync(store, claims[1].Address));
    }

    [Fact]
    public async Task An_outcome_of_a_lease_that_another_holds_now_changes_nothing()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(2);
        var claims = await store.ClaimAsync(2);
        await store.ExecuteAsync("UPDATE outbox SET attempts = 2, node_id = 8");

        Assert.Equal(0, await store.Ledger.SettleAsync([Delivered(claims[0]), Deferred(claims[1])], CancellationToken.None));

        Assert.Equal(2, await store.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'leased' AND node_id = 8"));
        Assert.Equal(0, await store.ScalarAsync<long>("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM attempts) + (SELECT count(*) FROM settled)"));
    }

    [Fact]
    public async Task A_late_outcome_in_the_transaction_of_the_right_one_leaves_no_attempt()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1);
        var claim = (await store.ClaimAsync(1))[0];
        await store.ExecuteAsync("UPDATE outbox SET attempts = 2");

        Assert.Equal(1, await store.Ledger.SettleAsync([Deferred(claim, attempt: 1), Delivered(claim, attempt: 2)], CancellationToken.None));

        Assert.Equal(1, await store.ScalarAsync<long>("SELECT count(*) FROM attempts WHERE attempt = 2"));
        Assert.Equal(0, await store.ScalarAsync<long>("SELECT count(*) FROM attempts WHERE attempt = 1"));
    }

    [Fact]
    public async Task An_outcome_that_is_stored_again_because_its_answer_was_lost_is_stored_once()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(2);
        var claims = await store.ClaimAsync(2);
        for (var run = 0; run < 3; run++)
        {
            await store.Ledger.SettleAsync([Delivered(claims[0]), Deferred(claims[1])], CancellationToken.None);
        }

        Assert.Equal("processed delivered", await EventsAsync(store, claims[0].Address));
        Assert.Equal("deferred", await EventsAsync(store, claims[1].Address));
        Assert.Equal(2, await store.ScalarAsync<long>("SELECT count(*) FROM attempts"));
        Assert.Equal(1, await store.ScalarAsync<long>("SELECT count(*) FROM settled"));
    }

    [Fact]
    public async Task What_was_taken_back_from_a_slow_worker_and_not_yet_handed_on_is_still_settled_by_it()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(2);
        var claims = await store.ClaimAsync(2);
        await store.ExecuteAsync("UPDATE outbox SET state = 'queued', node_id = NULL, leased_until = NULL");

        // A copy that was delivered must not be sent again, and a wait that the host asked for is kept.
        Assert.Equal(2, await store.Ledger.SettleAsync([Delivered(claims[0]), Deferred(claims[1])], CancellationToken.None));

        Assert.Equal(Now.AddMinutes(1).UtcDateTime, await store.ScalarAsync<DateTime>("SELECT due_at FROM outbox"));
    }

    private static Task<string> EventsAsync(StoreFixture store, string address) =>
        store.ScalarAsync<string>($"SELECT string_agg(kind, ' ' ORDER BY xact, id) FROM events WHERE address = '{address}'");
}
