using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Steer;
using EmailService.TestKit;
using EmailService.Tests.Outbox;
using Microsoft.Extensions.Logging.Abstractions;
using static EmailService.Tests.Outbox.StoreFixture;

namespace EmailService.Tests.Steer;

public sealed class OverlayStoreTests
{
    private static readonly OverlayWish Slower = new(OverlayKind.LowerRate, new OverlayScope("mx:a"), Now.AddMinutes(10), 0.5);
    private static readonly OverlayWish Suspended = new(OverlayKind.Suspend, new OverlayScope("shop.test"), Now.AddHours(1));

    [Fact]
    public async Task A_rate_is_lowered_once_by_what_several_nodes_heard_in_the_same_moment()
    {
        await using var store = await CreateAsync();
        var overlays = Overlays(store);

        var first = await overlays.ImposeAsync(Slower, "rate", "421 slow", Now.AddSeconds(-1), Now, CancellationToken.None);
        var same = await overlays.ImposeAsync(Slower, "rate", "421 slow", Now.AddSeconds(-1), Now.AddMilliseconds(1), CancellationToken.None);
        var later = await overlays.ImposeAsync(Slower with { Until = Now.AddMinutes(11) }, "rate", "421 still", Now.AddSeconds(30), Now.AddSeconds(60), CancellationToken.None);

        Assert.Equal((first!.Id, first.Id), (same!.Id, later!.Id));
        Assert.Equal((0.5, 0.5, 0.25), (first.Factor, same.Factor, later.Factor));
        Assert.Equal((Now.AddMinutes(11), "421 still"), (later.Until, later.Reply));
    }

    [Fact]
    public async Task A_rate_is_never_lowered_to_nothing()
    {
        await using var store = await CreateAsync();
        Overlay? last = null;
        for (var i = 0; i < 10; i++)
        {
            last = await Overlays(store).ImposeAsync(Slower, "rate", "421", Now.AddSeconds(2 * i), Now.AddSeconds((2 * i) + 1), CancellationToken.None);
        }

        Assert.Equal(OverlayStore.LeastFactor, last!.Factor);
    }

    [Fact]
    public async Task One_that_has_ended_begins_anew()
    {
        await using var store = await CreateAsync();
        await Overlays(store).ImposeAsync(Slower, "rate", "421", Now, Now, CancellationToken.None);

        var next = await Overlays(store).ImposeAsync(Slower with { Until = Now.AddHours(2) }, "rate", "421", Now.AddHours(1), Now.AddHours(1), CancellationToken.None);

        Assert.Equal((0.5, Now.AddHours(1)), (next!.Factor, next.CreatedAt));
    }

    [Fact]
    public async Task One_account_does_not_fill_the_table_neither_by_its_key_nor_by_the_refusals_of_its_mail()
    {
        await using var store = await CreateAsync();
        var overlays = Overlays(store);
        await FillAsync(store, OverlayStore.MostOfAccount, "by_account", "7");

        Assert.Null(await overlays.ImposeAsync(Suspended with { KeyId = "key", ByAccount = 7 }, Now, CancellationToken.None));
        Assert.Null(await overlays.ImposeAsync(Slower with { ByAccount = 7 }, "rate", "421", Now, Now, CancellationToken.None));

        Assert.NotNull(await overlays.ImposeAsync(Slower with { ByAccount = 8 }, "rate", "421", Now, Now, CancellationToken.None));
        Assert.NotNull(await overlays.ImposeAsync(Suspended, Now, CancellationToken.None));
        Assert.Equal("key", (await overlays.ImposeAsync(Suspended with { KeyId = "key", ByAccount = 8 }, Now, CancellationToken.None))!.KeyId);

        // What is there already may last longer.
        var renewed = await overlays.ImposeAsync(Slower with { ByAccount = 7, Until = Now.AddHours(1) }, "rate", "421", Now, Now, CancellationToken.None);
        Assert.Equal(Now.AddHours(1), renewed!.Until);
    }

    [Fact]
    public async Task What_finds_no_place_does_not_lift_what_it_would_have_replaced()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(2);
        var overlays = Overlays(store);
        var first = await overlays.ImposeAsync(Suspended, Now, CancellationToken.None);
        await HoldAsync(store, first!);
        await FillAsync(store, OverlayStore.MostOfAccount, "by_account", "7");

        Assert.Null(await overlays.ImposeAsync(Suspended with { KeyId = "key", ByAccount = 7 }, Now, CancellationToken.None));

        Assert.Contains(first!.Id, (await overlays.InForceAsync(Now, CancellationToken.None)).Select(o => o.Id));
        Assert.Equal(2, await store.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE held_by = {first.Id}"));
    }

    [Fact]
    public async Task Rules_leave_places_for_operators()
    {
        await using var store = await CreateAsync();
        await FillAsync(store, OverlayStore.MostByRules, "by_account", "n");

        Assert.Null(await Overlays(store).ImposeAsync(Slower, "rate", "421", Now, Now, CancellationToken.None));
        Assert.NotNull(await Overlays(store).ImposeAsync(Suspended, Now, CancellationToken.None));
    }

    private static async Task FillAsync(StoreFixture store, int count, string column, string value)
    {
        await using var command = store.Db.CreateCommand($"""
            INSERT INTO overlays (kind, lane, until, origin, rule, reply, created_at, changed_at, {column})
            SELECT 'suspend', 'mx:' || n, $1, 'reply', 'rule', '421', $2, $2, {value} FROM generate_series(1, {count}) AS n
            """);
        command.Parameters.Add(new() { Value = Now.AddDays(1).UtcDateTime });
        command.Parameters.Add(new() { Value = Now.UtcDateTime });
        await command.ExecuteNonQueryAsync();
    }

    [Fact]
    public async Task An_operators_overlay_replaces_the_one_before_and_releases_what_it_held()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(2);
        var overlays = Overlays(store);
        var first = await overlays.ImposeAsync(Suspended, Now, CancellationToken.None);
        await HoldAsync(store, first!);

        var second = await overlays.ImposeAsync(Suspended with { Until = Now.AddMinutes(5) }, Now, CancellationToken.None);

        Assert.Equal([second!.Id], (await overlays.InForceAsync(Now, CancellationToken.None)).Select(o => o.Id));
        Assert.Equal(2, await store.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE held_by IS NULL AND due_at <= '{Now:O}' AND attempts = 0"));
    }

    [Fact]
    public async Task What_is_held_for_an_overlay_that_was_lifted_meanwhile_is_due_soon()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1);
        var overlay = await Overlays(store).ImposeAsync(Suspended, Now, CancellationToken.None);
        await Overlays(store).LiftAsync(overlay!.Id, Now, CancellationToken.None);

        await HoldAsync(store, overlay);

        Assert.Equal(Now.AddSeconds(2).UtcDateTime, await store.ScalarAsync<DateTime>("SELECT due_at FROM outbox WHERE held_by IS NULL AND state = 'queued'"));
    }

    [Fact]
    public async Task A_lift_finds_what_is_being_held_in_the_same_moment()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(200);
        var overlay = await Overlays(store).ImposeAsync(Suspended, Now, CancellationToken.None);
        var claimed = await store.ClaimAsync(200);
        var held = new HeldStore(store.Db);

        var holding = claimed.Select(c => held.HoldAsync([new HeldBack(c, overlay!.Id, overlay.Until, null)], Now.AddSeconds(2), CancellationToken.None)).ToList();
        await Overlays(store).LiftAsync(overlay!.Id, Now, CancellationToken.None);
        await Task.WhenAll(holding);

        Assert.Equal(200, await store.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE state = 'queued' AND held_by IS NULL AND due_at <= '{Now.AddSeconds(2):O}'"));
    }

    [Fact]
    public async Task What_is_held_is_due_when_its_time_is_over()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1);
        var overlay = await Overlays(store).ImposeAsync(Suspended with { Until = Now.AddDays(20) }, Now, CancellationToken.None);

        await HoldAsync(store, overlay!);

        Assert.Equal(Now.AddHours(72).UtcDateTime, await store.ScalarAsync<DateTime>("SELECT due_at FROM outbox"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_of_an_overlay_cuts_no_wait_that_began_after_what_it_held_was_tried(bool lifted)
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1);
        var overlay = await Overlays(store).ImposeAsync(Suspended with { Until = Now.AddSeconds(-1) }, Now.AddMinutes(-5), CancellationToken.None);
        await HoldAsync(store, overlay!);
        await store.Ledger.SettleAsync([Deferred(Assert.Single(await store.ClaimAsync(1))) with { DueAt = Now.AddMinutes(30), Event = EventKind.Unknown }], CancellationToken.None);

        var ended = lifted
            ? [(await Overlays(store).LiftAsync(overlay!.Id, Now, CancellationToken.None))!]
            : await Overlays(store).RemoveEndedAsync(Now, CancellationToken.None);

        Assert.Single(ended);
        Assert.Equal(Now.AddMinutes(30).UtcDateTime, await store.ScalarAsync<DateTime>("SELECT due_at FROM outbox"));
    }

    [Fact]
    public async Task A_node_hears_of_new_overlays_while_what_ended_ones_held_is_locked()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1);
        var ended = await Overlays(store).ImposeAsync(Suspended with { Until = Now.AddSeconds(-1) }, Now.AddMinutes(-5), CancellationToken.None);
        await HoldAsync(store, ended!);
        await using var connection = await store.Db.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var locking = new Npgsql.NpgsqlCommand("SELECT FROM outbox FOR UPDATE", connection);
        await locking.ExecuteNonQueryAsync();
        var time = new ManualTime(Now);
        var known = new Overlays(time);
        using var refresher = new OverlayRefresher(store.Db, Overlays(store), known, time, NullLogger<OverlayRefresher>.Instance);
        await refresher.StartAsync(CancellationToken.None);

        var next = await Overlays(store).ImposeAsync(Suspended with { Scope = new OverlayScope("other.test") }, Now, CancellationToken.None);

        await Wait.UntilAsync(() => known.InForce.Any(o => o.Id == next!.Id), "the node knows of the overlay");
        await transaction.RollbackAsync();
        await refresher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Those_whose_time_is_over_are_removed()
    {
        await using var store = await CreateAsync();
        await Overlays(store).ImposeAsync(Suspended, Now, CancellationToken.None);

        Assert.Empty(await Overlays(store).RemoveEndedAsync(Now.AddMinutes(59), CancellationToken.None));
        Assert.Empty(await Overlays(store).InForceAsync(Now.AddHours(1), CancellationToken.None));
        Assert.Single(await Overlays(store).RemoveEndedAsync(Now.AddHours(1), CancellationToken.None));
    }

    [Fact]
    public async Task Rules_impose_for_a_week_at_most()
    {
        await using var store = await CreateAsync();

        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => Overlays(store).ImposeAsync(
            Slower with { Until = Now.AddDays(8) }, "rate", "421", Now, Now, CancellationToken.None));
    }

    private static OverlayStore Overlays(StoreFixture store) => new(store.Db, new HeldStore(store.Db));

    private static async Task HoldAsync(StoreFixture store, Overlay overlay)
    {
        var claimed = await store.ClaimAsync(10);
        await new HeldStore(store.Db).HoldAsync([.. claimed.Select(c => new HeldBack(c, overlay.Id, overlay.Until, null))], Now.AddSeconds(2), CancellationToken.None);
    }
}
