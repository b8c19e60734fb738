using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

public sealed class Host_dies_under_way
{
    [Fact]
    public async Task The_second_host_takes_what_is_left_and_nothing_is_deferred()
    {
        await using var service = await TestService.StartAsync(settings: "Deliver:ConnectionsPerLane=1");
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        for (var i = 0; i < 5; i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"a{i}@shop.test"), "delivered");
        }

        first.RefuseConnections();
        first.ResetConnections();
        for (var i = 0; i < 5; i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"b{i}@shop.test"), "delivered");
        }

        Assert.Equal((5, 5), (first.Messages.Count, second.Messages.Count));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind NOT IN ('accepted', 'processed', 'delivered')"));
    }
}
