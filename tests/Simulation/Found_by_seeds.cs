using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;

namespace EmailService.Simulation;

/// <summary>What seeds have found, each made small.</summary>
public sealed class Found_by_seeds
{
    private const string Site = "s1.test";

    // Seed 5: the node had looked whether it may, then opened a connection, and fell asleep over it.
    [Fact]
    public void Node_that_stood_still_while_it_connected_does_not_send_what_others_took()
    {
        var world = World(new SimSite(Site, 1, 1, new Random(1)) { RoundTrip = TimeSpan.FromMilliseconds(100) }, new OutboxOptions());

        world.Run(TimeSpan.FromHours(1), async () =>
        {
            var first = await world.StartNodeAsync();
            await world.StartNodeAsync();
            _ = world.WatchAsync(new SimTraffic(world).SendAsync(first, [$"d1.{Site}"], OnUnknown.Retry));

            // The connection takes 300 ms.
            await Task.Delay(TimeSpan.FromMilliseconds(200), world.Clock);
            Assert.Equal(0, world.Truth.Attempts);
            first.Clock.Freeze();
            await Task.Delay(TimeSpan.FromMinutes(1), world.Clock);
            Assert.Equal(1, world.Truth.Ends);
            first.Clock.GoOn();
        });

        Assert.Null(world.Truth.Violation);
        Assert.Equal((1, 0), (world.Truth.Attempts, world.Truth.SecondCopies));
    }

    // Seed 5 as well: a lane held in memory what would have taken it two days, and lost the leases of most of it, each counted as an attempt.
    [Fact]
    public void Slow_lane_loses_no_leases_and_has_the_table_asked_in_measure()
    {
        var site = new SimSite(Site, 1, 1, new Random(1)) { Tarpit = TimeSpan.FromSeconds(30), MostSessions = 1 };
        var world = World(site, new OutboxOptions { ReadyRecipients = 300 });
        var end = TimeSpan.FromHours(8);

        world.Run(end, async () =>
        {
            var node = await world.StartNodeAsync();
            await world.StartNodeAsync();
            await new SimTraffic(world).SendAsync(node, [.. Enumerable.Repeat($"d1.{Site}", 600)], OnUnknown.Retry);
        });

        Assert.Null(world.Truth.Violation);
        Assert.NotEmpty(world.Store.Rows);
        Assert.Equal(0, world.Store.Reclaimed);
        Assert.All(world.Store.Rows.Where(r => r.LastAttemptAt is null), r => Assert.InRange(r.Attempts, 0, 1));
        Assert.InRange(world.Store.Rounds, 1, 2 * end.TotalSeconds * 1.2);
    }

    // Seed 340: the sweep took the recipient back while the answer to its claim was on the way.
    [Fact]
    public void Claim_whose_answer_takes_long_is_not_taken_for_lost()
    {
        var site = new SimSite(Site, 1, 1, new Random(1)) { Greylists = TimeSpan.FromMinutes(1) };
        var world = World(site, new OutboxOptions());
        (world.Store.SlowBy, world.Store.SlowStatement) = (TimeSpan.FromSeconds(20), "claim");

        world.Run(TimeSpan.FromHours(2), async () =>
        {
            var node = await world.StartNodeAsync();
            var traffic = new SimTraffic(world);
            for (var i = 0; i < 50; i++)
            {
                await traffic.SendAsync(node, [.. Enumerable.Repeat($"d1.{Site}", 10)], OnUnknown.Retry);
            }
        });

        Assert.Null(world.Truth.Violation);
        Assert.Equal((500, 0), (world.Truth.Ends, world.Truth.SecondCopies));
    }

    // Seed 434: the store went down while the node stood still. What was about to begin begins before it notices, and nothing more.
    [Fact]
    public void Node_that_stood_still_when_the_store_went_down_notices_soon_after()
    {
        var platform = new PlatformOptions { HostName = "sender.test", HeartbeatInterval = TimeSpan.FromSeconds(5), LeaseTimeToLive = TimeSpan.FromSeconds(30) };
        var site = new SimSite(Site, 1, 1, new Random(1)) { RoundTrip = TimeSpan.FromMilliseconds(100) };
        var world = new SimWorld(1, new SimSettings { Platform = platform }, [site]);

        world.Run(TimeSpan.FromHours(1), async () =>
        {
            var node = await world.StartNodeAsync();
            _ = world.WatchAsync(new SimTraffic(world).SendAsync(node, [.. Enumerable.Repeat($"d1.{Site}", 200)], OnUnknown.Retry));

            // The connections take 300 ms.
            await Task.Delay(TimeSpan.FromMilliseconds(200), world.Clock);
            Assert.Equal(0, world.Truth.Attempts);
            node.Clock.Freeze();
            await Task.Delay(TimeSpan.FromSeconds(1), world.Clock);
            world.SetStoreDown(true);
            await Task.Delay(TimeSpan.FromSeconds(20), world.Clock);
            node.Clock.GoOn();
            await Task.Delay(TimeSpan.FromMinutes(5), world.Clock);
            Assert.InRange(world.Truth.Attempts, 1, 20);
            world.SetStoreDown(false);
        });

        Assert.Null(world.Truth.Violation);
        Assert.Equal((200, 0), (world.Truth.Ends, world.Truth.SecondCopies));
    }

    // Seed 101: the table had said that the recipient is still the node's, and it fell asleep over the answer.
    [Fact]
    public void Node_that_stood_still_after_it_asked_the_table_does_not_send_what_others_took()
    {
        var world = World(new SimSite(Site, 1, 1, new Random(1)) { RoundTrip = TimeSpan.FromMilliseconds(100) }, new OutboxOptions());
        (world.Store.SlowBy, world.Store.SlowStatement) = (TimeSpan.FromSeconds(20), "renew");

        world.Run(TimeSpan.FromHours(1), async () =>
        {
            var first = await world.StartNodeAsync();
            _ = world.WatchAsync(new SimTraffic(world).SendAsync(first, [$"d1.{Site}"], OnUnknown.Retry));

            // Silent for so long that it must ask, once it has connected; nobody else is there to take it.
            await Task.Delay(TimeSpan.FromMilliseconds(200), world.Clock);
            await StandStillAsync(world, first);
            var lease = Assert.Single(world.Store.Rows).LeasedUntil;
            while (world.Store.Rows.Single().LeasedUntil == lease)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), world.Clock);
            }

            await world.StartNodeAsync();
            Assert.Equal(0, world.Truth.Attempts);
            await StandStillAsync(world, first);
            Assert.Equal(1, world.Truth.Ends);
        });

        Assert.Null(world.Truth.Violation);
        Assert.Equal((1, 0), (world.Truth.Attempts, world.Truth.SecondCopies));
    }

    private static async Task StandStillAsync(SimWorld world, SimNode node)
    {
        node.Clock.Freeze();
        await Task.Delay(TimeSpan.FromMinutes(1), world.Clock);
        node.Clock.GoOn();
    }

    private static SimWorld World(SimSite site, OutboxOptions outbox) => new(1, new SimSettings { Outbox = outbox }, [site]);
}
