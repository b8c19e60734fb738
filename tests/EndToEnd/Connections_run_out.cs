using EmailService.Deliver;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Connections_run_out
{
    [Fact]
    public async Task A_lane_without_work_gives_its_connection_to_one_that_waits_for_it()
    {
        await using var service = await TestService.StartAsync(settings:
            ["Deliver:Connections=1", "Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=01:00:00"]);
        await using var one = service.AddMx("one.test");
        await using var two = service.AddMx("two.test");
        one.HoldFinalReplies();
        var first = await service.AcceptAsync("a@one.test");
        await Wait.UntilAsync(() => one.Commands.Count > 0, "the only connection is taken");
        var second = await service.AcceptAsync("b@two.test");
        await Wait.UntilAsync(() => service.Get<LaneDirectory>().All().Any(l => l.Key.Contains("two", StringComparison.Ordinal) && l.Workers == 1), "the other lane waits");
        Assert.Equal((1, 0), (one.ConnectionCount, two.ConnectionCount));

        one.ReleaseFinalReplies();

        // Long before the first connection is idle for too long, so it was given away.
        Assert.Equal("delivered", (await service.WaitForEventAsync(first, "delivered"))[^1]);
        Assert.Equal("delivered", (await service.WaitForEventAsync(second, "delivered"))[^1]);
        Assert.Equal((1, 1), (one.ConnectionCount, two.ConnectionCount));
    }

    [Fact]
    public async Task A_lane_that_waits_for_its_turn_lends_its_connection_to_one_that_waits_for_it()
    {
        var shaping = Path.GetTempFileName();
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "domains": { "slow.test": { "messages_per_second": 0.01 } } }""");
        await using var service = await TestService.StartAsync(manualTime: true, settings: ["Deliver:Connections=1", $"Deliver:ShapingFile={shaping}"]);
        await using var slow = service.AddMx("slow.test");
        await using var free = service.AddMx("free.test");
        await service.WaitForEventAsync(await service.AcceptAsync("a@slow.test"), "delivered");
        var paced = await service.AcceptAsync("b@slow.test");
        await Wait.UntilAsync(() => service.Get<LaneDirectory>().All().Any(l => l.Status(true, []).LimitedBy.By == EmailService.Steer.LaneLimiter.Rate), "the slow lane waits for its turn, with the only connection");

        await service.WaitForEventAsync(await service.AcceptAsync("c@free.test"), "delivered");

        Assert.Single(slow.Messages);
        service.Time!.Advance(TimeSpan.FromSeconds(100));
        await service.WaitForEventAsync(paced, "delivered");
        File.Delete(shaping);
    }

    [Fact]
    public async Task However_many_hosts_are_silent_one_that_answers_is_served()
    {
        // A site without a connection would be forgotten, and be new again.
        await using var service = await TestService.StartAsync(settings:
            ["Deliver:Connections=8", "Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=01:00:00"]);
        await using var living = service.AddMx("living.test");
        await service.WaitForEventAsync(await service.AcceptAsync("a@living.test"), "delivered");
        var silent = Enumerable.Range(0, 12).Select(i => service.AddMx($"silent{i}.test", address: $"127.79.{i}.1")).ToList();
        silent.ForEach(mx => mx.Hang(SmtpStage.Greeting));
        for (var i = 0; i < silent.Count; i++)
        {
            await service.AcceptAsync($"b@silent{i}.test");
        }

        await Wait.UntilAsync(() => silent.Sum(mx => mx.ConnectionCount) >= 4, "the silent hosts hold what new sites may");

        var second = await service.AcceptAsync("c@living.test");

        await service.WaitForEventAsync(second, "delivered");
        foreach (var mx in silent)
        {
            await mx.DisposeAsync();
        }
    }
}
