using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Connections_are_kept
{
    [Fact]
    public async Task Messages_one_after_the_other_share_a_connection()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");

        for (var i = 0; i < 10; i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"a{i}@shop.test"), "delivered");
        }

        Assert.Equal(1, mx.ConnectionCount);
    }

    [Fact]
    public async Task A_connection_carries_no_more_messages_than_it_may()
    {
        await using var service = await TestService.StartAsync(settings:
            ["Deliver:ConnectionsPerLane=1", "Deliver:MessagesPerConnection=4", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");

        var id = await service.AcceptAsync(string.Join(',', Enumerable.Range(0, 10).Select(i => $"a{i}@shop.test")));
        await service.WaitForEventAsync(id, "delivered", 10);

        Assert.Equal(3, mx.ConnectionCount);
        Assert.Equal([4, 4, 2], mx.Messages.GroupBy(m => m.Connection).OrderBy(g => g.Key).Select(g => g.Count()));
        Assert.Equal(2, mx.Commands.Count(c => c == "QUIT"));
    }

    [Fact]
    public async Task A_kept_connection_that_its_host_has_ended_is_no_failure()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        mx.ResetConnections();
        var id = await service.AcceptAsync("bert@shop.test");

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Single(await service.StepsAsync(id));
        Assert.Equal(2, mx.ConnectionCount);
    }

    [Fact]
    public async Task A_connection_without_work_is_ended_with_QUIT()
    {
        await using var service = await TestService.StartAsync(settings: "Deliver:IdleTimeout=00:00:00.05");
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        await Wait.UntilAsync(() => mx.Commands.Contains("QUIT"), "QUIT is said");
    }
}
