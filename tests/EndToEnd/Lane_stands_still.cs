using EmailService.Deliver;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Lane_stands_still
{
    [Fact]
    public async Task A_lane_without_a_host_that_answers_rests_and_no_other_lane_waits_for_it()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: ["Deliver:FailuresBeforeRest=3", "Deliver:ConnectionsPerLane=1"]);
        await using var dead = service.AddMx("dead.test");
        await using var alive = service.AddMx("alive.test");
        dead.RefuseConnections();

        var stuck = await service.AcceptAsync(string.Join(',', Enumerable.Range(0, 10).Select(i => $"a{i}@dead.test")));
        await service.WaitForEventAsync(stuck, "deferred", 3);
        var lane = service.Get<LaneDirectory>().All().Single(l => l.Key.Contains("dead", StringComparison.Ordinal));
        await Wait.UntilAsync(() => lane.RestsUntil is not null && lane.Waiting == 0, "the lane rests");

        // Those that were not tried go back without an attempt or an event.
        await service.DueAtAsync(stuck);
        Assert.Equal(3, (await service.EventsAsync(stuck)).Count(k => k == "deferred"));
        Assert.Equal(7, await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts = 0"));

        var other = await service.AcceptAsync("anna@alive.test");
        await service.WaitForEventAsync(other, "delivered");

        // When the host is back, all of it goes out.
        dead.AcceptConnections();
        await service.MoveByDueTimesAsync(TimeSpan.FromMinutes(3));
        await service.WaitForEventAsync(stuck, "delivered", 10);
        Assert.Equal(10, dead.Messages.Count);
    }

    [Fact]
    public async Task A_recipient_at_which_the_host_hangs_does_not_hold_up_those_behind_it()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("first@shop.test"), "delivered");
        var lane = service.Get<LaneDirectory>().All().Single();
        await Wait.UntilAsync(() => lane is { Waiting: 0, Workers: 1 }, "one worker idles");

        // All five are handed to a lane with one idle worker.
        mx.Hang(SmtpStage.MailFrom, times: 1);
        var id = await service.AcceptAsync("a@shop.test, b@shop.test, c@shop.test, d@shop.test, e@shop.test");

        await service.WaitForEventAsync(id, "delivered", 4);
    }
}
