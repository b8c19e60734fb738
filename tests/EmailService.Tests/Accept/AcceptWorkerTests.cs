using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using EmailService.Accept;
using EmailService.Messages;
using EmailService.ServiceKit;
using Npgsql;

namespace EmailService.Tests.Accept;

public sealed class AcceptWorkerTests
{
    private static readonly IdempotencyKey Key = new("order-1234", SHA256.HashData("body"u8));

    [Fact]
    public async Task A_key_used_fifty_times_at_once_makes_one_message()
    {
        await using var service = await StartAsync();

        var results = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => AcceptAsync(service, "anna@shop.test", Key))));

        var accepted = results.Cast<AcceptResult.Accepted>().ToList();
        Assert.Single(accepted, a => !a.Repeated);
        Assert.Single(accepted.Select(a => (a.RequestId, a.AnswerJson)).Distinct());
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM events"));
    }

    [Fact]
    public async Task A_key_with_another_body_is_a_conflict_also_within_one_transaction()
    {
        await using var service = await StartAsync();
        var other = Key with { BodyHash = SHA256.HashData("other"u8) };

        var results = await Task.WhenAll(AcceptAsync(service, "anna@shop.test", Key), AcceptAsync(service, "anna@shop.test", other));
        var later = await AcceptAsync(service, "anna@shop.test", other);

        var accepted = Assert.Single(results.OfType<AcceptResult.Accepted>());
        Assert.Equal(accepted.RequestId, Assert.Single(results.OfType<AcceptResult.IdempotencyConflict>()).RequestId);
        Assert.True(later is AcceptResult.IdempotencyConflict or AcceptResult.Accepted { Repeated: true });
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }

    [Fact]
    public async Task Keys_of_different_accounts_have_nothing_to_do_with_each_other()
    {
        await using var service = await StartAsync();
        var worker = service.Get<AcceptWorker>();

        var one = await worker.AcceptAsync(1, TestService.Request("anna@shop.test"), Key, CancellationToken.None);
        var two = await worker.AcceptAsync(2, TestService.Request("anna@shop.test"), Key, CancellationToken.None);

        Assert.All([one, two], r => Assert.False(Assert.IsType<AcceptResult.Accepted>(r).Repeated));
    }

    [Fact]
    public async Task A_key_is_free_again_after_a_day()
    {
        await using var service = await StartAsync(manualTime: true);
        await AcceptAsync(service, "anna@shop.test", Key);
        service.Time!.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        Assert.True(Assert.IsType<AcceptResult.Accepted>(await AcceptAsync(service, "anna@shop.test", Key)).Repeated);

        service.Time.Advance(TimeSpan.FromSeconds(2));
        var again = await AcceptAsync(service, "anna@shop.test", Key with { BodyHash = SHA256.HashData("other"u8) });

        Assert.False(Assert.IsType<AcceptResult.Accepted>(again).Repeated);
        Assert.Equal(2, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }

    [Fact]
    public async Task Requests_that_come_together_share_transactions()
    {
        await using var service = await StartAsync();
        var batches = 0L;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (ReferenceEquals(instrument, service.Get<AcceptMetrics>().Batches))
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref batches, count));
        listener.Start();

        var results = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => AcceptAsync(service, $"a{i}@shop.test", null)));

        Assert.All(results, r => Assert.IsType<AcceptResult.Accepted>(r));
        Assert.InRange(Interlocked.Read(ref batches), 1, 50);
        Assert.Equal(200, await service.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Equal(200, await service.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind = 'accepted'"));
    }

    [Theory]
    [InlineData("\0", "")]
    [InlineData("", "\0")]
    public async Task A_request_that_the_database_refuses_does_not_fail_its_neighbours(string argument, string subject)
    {
        await using var service = await StartAsync();
        var worker = service.Get<AcceptWorker>();
        var request = TestService.Request("anna@shop.test");
        var bad = request with
        {
            Content = request.Content with { Subject = subject },
            Messages = [request.Messages[0] with { CustomArgs = new Dictionary<string, string> { ["order"] = argument } }],
        };

        var good = Enumerable.Range(0, 20).Select(i => AcceptAsync(service, $"a{i}@shop.test", null)).ToList();
        var refused = worker.AcceptAsync(1, bad, null, CancellationToken.None);
        good.AddRange(Enumerable.Range(20, 20).Select(i => AcceptAsync(service, $"a{i}@shop.test", null)));

        Assert.All(await Task.WhenAll(good).WaitAsync(TimeSpan.FromSeconds(30)), r => Assert.IsType<AcceptResult.Accepted>(r));
        Assert.IsType<AcceptResult.Unavailable>(await refused.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(40, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }

    [Fact]
    public async Task Requests_with_and_without_a_time_to_send_share_a_transaction()
    {
        await using var service = await StartAsync(manualTime: true);
        var worker = service.Get<AcceptWorker>();
        var later = service.Time!.GetUtcNow() + TimeSpan.FromHours(1);

        var results = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => worker.AcceptAsync(
            1, TestService.Request($"a{i}@shop.test", sendAt: i % 2 == 0 ? null : later), null, CancellationToken.None)));

        Assert.All(results, r => Assert.IsType<AcceptResult.Accepted>(r));
        Assert.Equal(20, await service.ScalarAsync<long>("SELECT count(*) FROM messages WHERE send_at IS NOT NULL"));
    }

    [Fact]
    public async Task All_messages_of_a_request_are_stored_or_none()
    {
        await using var service = await StartAsync();
        var request = TestService.Request("anna@shop.test");
        var bad = request with
        {
            Messages = [request.Messages[0], request.Messages[0] with { CustomArgs = new Dictionary<string, string> { ["order"] = "\0" } }],
        };

        await service.Get<AcceptWorker>().AcceptAsync(1, bad, Key, CancellationToken.None);

        Assert.Equal(0, await service.ScalarAsync<long>("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM idempotency_keys)"));
    }

    /// <summary>A key that is stored without its message would answer 202 to whoever tries again, and nothing would ever be sent.</summary>
    [Fact]
    public async Task A_transaction_that_was_left_alone_stores_later_what_it_was_given_or_nothing()
    {
        await using var service = await StartAsync();
        await using (var other = await service.Db.OpenConnectionAsync())
        {
            await using var transaction = await other.BeginTransactionAsync();
            await using var locking = new NpgsqlCommand("LOCK TABLE idempotency_keys IN EXCLUSIVE MODE", other);
            await locking.ExecuteNonQueryAsync();
            Assert.IsType<AcceptResult.Unavailable>(await AcceptAsync(service, "anna@shop.test", Key).WaitAsync(TimeSpan.FromMinutes(1)));
        }

        var again = await AcceptAsync(service, "anna@shop.test", Key).WaitAsync(TimeSpan.FromMinutes(1));

        Assert.IsType<AcceptResult.Accepted>(again);
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM outbox"));
    }

    // No delivery: what is accepted stays in the table.
    private static Task<TestService> StartAsync(bool manualTime = false) => TestService.StartAsync(manualTime, settings: "Roles:0=api");

    private static Task<AcceptResult> AcceptAsync(TestService service, string to, IdempotencyKey? key) =>
        service.Get<AcceptWorker>().AcceptAsync(1, TestService.Request(to), key, CancellationToken.None);
}
