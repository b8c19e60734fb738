using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Record;
using EmailService.ServiceKit;
using Microsoft.Extensions.DependencyInjection;
using static EmailService.Tests.Outbox.StoreFixture;
using StoreFixture = EmailService.Tests.Outbox.StoreFixture;

namespace EmailService.Tests.Steer;

public sealed class LeverTests : IAsyncLifetime
{
    private readonly EmailService.TestKit.ManualTime time = new(Now);
    private StoreFixture store = null!;

    public async ValueTask InitializeAsync() => store = await StoreFixture.CreateAsync();

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task Retry_makes_later_ones_due_and_leaves_those_under_way()
    {
        await store.EnqueueAsync(3, dueInSeconds: 3600);
        await store.EnqueueAsync(2);
        await store.ClaimAsync(2);

        var part = await new OutboxRetry(store.Db, time).RetryAsync(new OutboxSelection { Domain = "shop.test" }, null, CancellationToken.None);

        Assert.Equal((3, 2), (part.Changed, part.UnderWay));
        Assert.Equal(["shop.test"], part.Lanes);
        Assert.Null(part.Next);
        Assert.Equal(3, await store.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE state = 'queued' AND due_at = '{Now:O}'"));
    }

    [Fact]
    public async Task What_a_sender_wants_sent_later_stays_for_later()
    {
        await store.EnqueueAsync(2, dueInSeconds: 3600);
        await store.ExecuteAsync($"""
            INSERT INTO messages (id, account_id, created_at, send_at, from_address, subject, recipient_count, size, personalization)
            SELECT message_id, 1, '{Now:O}', due_at, 'a@b.test', '', 1, 1, '' FROM outbox LIMIT 1
            """);

        var part = await new OutboxRetry(store.Db, time).RetryAsync(new OutboxSelection { AccountId = 1 }, null, CancellationToken.None);

        Assert.Equal(1, part.Changed);
    }

    [Fact]
    public async Task Expire_writes_end_and_event_with_the_operators_reply_in_one_go()
    {
        await store.EnqueueAsync(3, dueInSeconds: 60);
        await store.EnqueueAsync(1);
        var claim = Assert.Single(await store.ClaimAsync(1));

        var part = await ExpireAsync(new OutboxSelection { AccountId = 1 });

        Assert.Equal((3, 1), (part.Changed, part.UnderWay));
        Assert.Equal(1, await store.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Equal(3, await store.ScalarAsync<long>($"SELECT count(*) FROM settled WHERE state = 'expired' AND reply = '{OperatorExpiry.Reply}'"));
        Assert.Equal(3, await store.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind = 'expired' AND detail ->> 'ours' = 'true' AND detail ->> 'reply' LIKE '%expired by operator'"));
        await store.Ledger.SettleAsync([Delivered(claim)], CancellationToken.None);
        Assert.Equal(1, await store.ScalarAsync<long>("SELECT count(*) FROM settled WHERE state = 'delivered'"));
    }

    [Theory]
    [InlineData("shop.test", null, 4)]
    [InlineData("hop.test", null, 0)]
    [InlineData(null, "other.test", 1)]
    public async Task Filters_mean_what_they_say(string? domain, string? lane, int count)
    {
        await store.EnqueueAsync(3);
        await store.EnqueueAsync(1, lane: "other.test");

        Assert.Equal(count, (await ExpireAsync(new OutboxSelection { Domain = domain, Lanes = lane is null ? null : [lane] })).Changed);
    }

    [Fact]
    public async Task Other_accounts_and_other_recipients_of_the_message_are_left_alone()
    {
        await store.EnqueueAsync(2);
        var message = new MessageId(await store.ScalarAsync<Guid>("SELECT message_id FROM outbox LIMIT 1"));
        await store.ExecuteAsync($"INSERT INTO outbox SELECT message_id, 1::smallint, 1, 'b@shop.test', lane, state, due_at, expires_at FROM outbox WHERE message_id = '{message.Value}'");

        Assert.Equal(0, (await ExpireAsync(new OutboxSelection { AccountId = 2, Message = message })).Changed);
        Assert.Equal(1, (await ExpireAsync(new OutboxSelection { AccountId = 1, Message = message, N = 1 })).Changed);
        Assert.Equal(1, (await ExpireAsync(new OutboxSelection { AccountId = 1, Message = message })).Changed);
        Assert.Equal(1, await store.ScalarAsync<long>("SELECT count(*) FROM outbox"));
    }

    [Fact]
    public async Task A_long_queue_is_gone_through_in_parts()
    {
        await store.EnqueueAsync(12_000, dueInSeconds: 3600);
        var (retry, parts, changed) = (new OutboxRetry(store.Db, time), 0, 0);
        RecipientId? next = null;
        do
        {
            var part = await retry.RetryAsync(new OutboxSelection { AccountId = 1 }, next, CancellationToken.None);
            Assert.InRange(part.Changed, 0, 5000);
            (parts, changed, next) = (parts + 1, changed + part.Changed, part.Next);
        }
        while (next is not null);

        Assert.Equal((3, 12_000), (parts, changed));
    }

    private async Task<OutboxPart> ExpireAsync(OutboxSelection selection)
    {
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meter = new ServiceMeter(services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>());
        return await new OperatorExpiry(store.Db, new EventSignal(time), new RecordMetrics(meter), time).ExpireAsync(selection, null, CancellationToken.None);
    }
}
