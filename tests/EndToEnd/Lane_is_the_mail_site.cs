using EmailService.Deliver;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.Steer;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>The one place where two slices must agree: a recipient is enqueued in a lane of its domain's name, and moves
/// to the lane of its MX site once Route has seen the mail hosts.</summary>
public sealed class Lane_is_the_mail_site
{
    [Fact]
    public async Task Domains_with_the_same_hosts_share_a_lane_and_its_connections()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("one.test", 10, "mx.provider.test");
        service.Dns.Mx("two.test", 30, "MX.provider.test");

        await service.WaitForEventAsync(await service.AcceptAsync("anna@one.test"), "delivered");
        await service.WaitForEventAsync(await service.AcceptAsync("bert@two.test"), "delivered");

        Assert.Equal("mx:mx.provider.test", Assert.Single(service.Get<LaneDirectory>().All()).Key);
        Assert.Equal(1, mx.ConnectionCount);
    }

    [Fact]
    public async Task A_recipient_that_was_deferred_waits_in_the_lane_of_its_hosts_and_comes_out_of_it()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("one.test", 10, "mx.provider.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.2.1 Busy", times: 1);
        var id = await service.AcceptAsync("anna@one.test");
        await service.WaitForEventAsync(id, "deferred");

        Assert.Equal("mx:mx.provider.test", await service.ScalarAsync<string>("SELECT lane FROM outbox"));

        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");
    }

    [Fact]
    public async Task A_domain_that_moved_to_a_site_which_is_kept_back_keeps_back_nothing_of_the_site_that_it_left()
    {
        await using var service = await TestService.StartAsync(manualTime: true);

        // Shorter than any first delay: the next attempt asks again who takes the domain's mail.
        service.Dns.Ttl = TimeSpan.FromSeconds(30);
        await using var mx = service.AddMx("stays.test", 10, "mx.provider.test");
        service.Dns.Mx("moves.test", 10, "mx.provider.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.2.1 Busy", times: 2);
        var moved = await service.AcceptAsync("anna@moves.test");
        await service.WaitForEventAsync(moved, "deferred");

        service.Dns.Remove("moves.test");
        await using var other = service.AddMx("moves.test", 10, "mx.other.test");
        var suspension = new OverlayWish(OverlayKind.Suspend, new OverlayScope("mx:mx.other.test"), service.Time!.GetUtcNow().AddDays(2));
        await service.Get<Steering>().ImposeAsync(suspension, CancellationToken.None);
        await service.MoveToNextAttemptAsync(moved);
        await Wait.UntilAsync(async () =>
        {
            await service.WakePollAsync();
            return await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE held_by IS NOT NULL") == 1;
        }, "it is held at its new site");

        var stayed = await service.AcceptAsync("bert@stays.test");
        await service.WaitForEventAsync(stayed, "deferred");
        await service.MoveToNextAttemptAsync(stayed);
        await service.WaitForEventAsync(stayed, "delivered");
    }
}
