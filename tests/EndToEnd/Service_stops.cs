using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Service_stops
{
    [Fact]
    public async Task What_is_under_way_is_finished_and_what_waits_goes_back_unused()
    {
        await using var service = await TestService.StartAsync(settings: "Deliver:ConnectionsPerLane=1");
        await using var mx = service.AddMx("shop.test");
        mx.HoldFinalReplies();
        var id = await service.AcceptAsync("a@shop.test, b@shop.test, c@shop.test");
        await mx.WaitForMessagesAsync(1);

        var stopping = service.StopAsync();
        await Wait.UntilAsync(() => service.Get<Deliver.LaneContext>().Stopping.IsCancellationRequested, "delivery is told to stop");
        mx.ReleaseFinalReplies();
        await stopping;

        Assert.Equal("delivered", (await service.EventsAsync(id))[^1]);
        Assert.Equal(2, await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts = 0"));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task What_waits_for_its_final_reply_too_long_is_recorded_as_unknown_before_the_process_leaves()
    {
        await using var service = await TestService.StartAsync(settings: "Deliver:StopPatience=500ms");
        await using var mx = service.AddMx("shop.test");
        mx.HoldFinalReplies();
        var id = await service.AcceptAsync("a@shop.test");
        await mx.WaitForMessagesAsync(1);

        await service.StopAsync();

        Assert.Equal("unknown", (await service.EventsAsync(id))[^1]);
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'queued' AND due_at > now() + interval '20 minutes'"));
    }

    [Fact]
    public async Task Another_node_takes_on_what_one_gave_back()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        var one = await TestService.StartAsync(database: database, dns: dns, settings: "Deliver:ConnectionsPerLane=1");
        await using var mx = one.AddMx("shop.test");
        mx.HoldFinalReplies();
        var id = await one.AcceptAsync("a@shop.test, b@shop.test, c@shop.test");
        await mx.WaitForMessagesAsync(1);
        var stopping = one.StopAsync();
        mx.ReleaseFinalReplies();
        await stopping;

        await using var two = await TestService.StartAsync(database: database, dns: dns, mxPort: one.MxPort);
        await two.WaitForEventAsync(id, "delivered", 3);

        Assert.Equal(3, mx.Messages.SelectMany(m => m.ForwardPaths).Distinct().Count());
        Assert.Equal(3, mx.Messages.Count);
    }
}
