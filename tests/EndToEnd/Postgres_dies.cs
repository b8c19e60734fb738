using EmailService.Accept;
using EmailService.Deliver;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

public sealed class Postgres_dies
{
    /// <summary>Longer than anything here is waited for: an answer of DNS that is held is not given up.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task Outcomes_are_kept_until_it_is_back_and_meanwhile_nothing_new_is_tried()
    {
        await using var postgres = await PostgresServer.StartNewAsync(durable: true);
        await using var database = await postgres.CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        var asking = new DnsResolverOptions { Servers = [dns.EndPoint], AttemptTimeout = Patience, QueryDeadline = Patience };
        await using var service = await TestService.StartAsync(
            database: database, dns: dns, settings: "Deliver:ConnectionsPerLane=2",
            configure: b => b.Services.Replace(ServiceDescriptor.Singleton<IDnsResolver>(_ => new DnsResolver(asking, TimeProvider.System))));
        await using var mx = service.AddMx("shop.test");
        await using var other = service.AddMx("other.test");

        // 1. Two messages are with the host, which has not answered; four wait behind them, and one for its route.
        mx.HoldFinalReplies();
        dns.Hold("other.test");
        var id = await service.AcceptAsync("a@shop.test, b@shop.test, c@shop.test, d@shop.test, e@shop.test, f@shop.test");
        var routeless = await service.AcceptAsync("g@other.test");
        await mx.WaitForMessagesAsync(2);

        // 2. The host takes them while no outcome can be stored.
        await postgres.KillAsync();
        mx.ReleaseFinalReplies();
        await Wait.UntilAsync(() => !service.Get<StoreHealth>().IsHealthy, "the store is known to fail");
        dns.Release("other.test");
        await Wait.UntilAsync(
            () => service.Get<LaneDirectory>().All().Any(l => l.Key.Contains("other", StringComparison.Ordinal) && l is { Workers: 1, Waiting: 1 }),
            "a worker waits with the other message");
        var result = await service.Get<AcceptWorker>().AcceptAsync(1, TestService.Request("h@shop.test"), null, CancellationToken.None);

        Assert.IsType<AcceptResult.Unavailable>(result);
        Assert.Equal(2, mx.Messages.Count);
        Assert.Equal(0, other.ConnectionCount);

        // 3. It is back: all is stored and goes on.
        await postgres.StartAsync();
        service.Db.Clear();
        await service.WaitForEventAsync(id, "delivered", 6);
        await service.WaitForEventAsync(routeless, "delivered");

        Assert.Equal(6, mx.Messages.Count);
        Assert.Equal(6, mx.Messages.SelectMany(m => m.ForwardPaths).Distinct().Count());
        Assert.Equal(7, await service.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind = 'delivered'"));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM outbox"));
    }
}
