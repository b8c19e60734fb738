using System.Net;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.Steer;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Sources_share_the_mail
{
    private static readonly string[] TwoSources =
    [
        "Egress:Sources:a:Address=127.0.0.2", "Egress:Sources:a:HelloName=a.sender.test",
        "Egress:Sources:b:Address=127.0.0.3", "Egress:Sources:b:HelloName=b.sender.test",
        "Egress:Pools:both:a=1", "Egress:Pools:both:b=3", "Egress:Pools:first:a=1", "Egress:Pools:second:b=1", "Egress:DefaultPool=both",
    ];

    [Fact]
    public async Task By_weight_each_from_its_own_address_under_its_own_name_in_its_own_lane()
    {
        // A lane whose workers idled for too long would be forgotten.
        await using var service = await TestService.StartAsync(settings: [.. TwoSources, "Deliver:IdleTimeout=00:05:00"]);
        await using var mx = service.AddMx("shop.test");

        for (var i = 0; i < 40; i++)
        {
            await service.AcceptAsync(string.Join(',', Enumerable.Range(0, 20).Select(n => $"a{i}-{n}@shop.test")));
        }

        await mx.WaitForMessagesAsync(800);

        Assert.All(mx.Messages, m => Assert.Equal(m.From!.Equals(IPAddress.Parse("127.0.0.2")) ? "a.sender.test" : "b.sender.test", m.HelloName));
        Assert.All(mx.Messages, m => Assert.Contains(m.From!.ToString(), new[] { "127.0.0.2", "127.0.0.3" }));

        // Runs of twenty are drawn with chances 1:3, forty of them.
        Assert.InRange(mx.Messages.Count(m => m.HelloName == "a.sender.test"), 20, 500);
        Assert.Equal(
            ["mx:mx10.shop.test@a", "mx:mx10.shop.test@b"], service.Get<LaneDirectory>().All().Select(l => l.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Mail_is_claimed_while_one_of_several_sources_is_suspended_whatever_its_name_is()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings:
        [
            "Egress:Sources:default:Address=127.0.0.2", "Egress:Sources:default:HelloName=a.sender.test",
            "Egress:Sources:b:Address=127.0.0.3", "Egress:Sources:b:HelloName=b.sender.test",
        ]);
        await using var mx = service.AddMx("shop.test");
        var suspension = new OverlayWish(OverlayKind.Suspend, new OverlayScope(Source: "default"), service.Time!.GetUtcNow().AddDays(2));
        await service.Get<Steering>().ImposeAsync(suspension, CancellationToken.None);

        var id = await service.AcceptAsync("anna@shop.test", sendAt: service.Time.GetUtcNow().AddMinutes(1));
        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");

        Assert.Equal("b.sender.test", Assert.Single(mx.Messages).HelloName);
    }

    [Fact]
    public async Task Message_then_account_then_stream_decide_which_pool()
    {
        await using var service = await TestService.StartAsync(settings: [.. TwoSources, "Egress:ByStream:bulk=second", "Egress:DefaultPool=first"]);
        await using var mx = service.AddMx("shop.test");

        await service.AcceptAsync("default@shop.test");
        await service.AcceptAsync("bulk@shop.test", stream: MailStream.Bulk);
        await service.AcceptAsync("named@shop.test", ipPool: "second");
        await mx.WaitForMessagesAsync(3);

        Assert.Equal(
            [("bulk@shop.test", "b.sender.test"), ("default@shop.test", "a.sender.test"), ("named@shop.test", "b.sender.test")],
            mx.Messages.Select(m => (m.ForwardPaths[0], m.HelloName)).Order());
    }

    [Fact]
    public async Task An_accounts_pool_comes_before_that_of_the_stream()
    {
        await using var service = await TestService.StartAsync(
            settings: [.. TwoSources, "Egress:ByStream:transactional=first", "Egress:ByAccount:default=second"]);
        await using var mx = service.AddMx("shop.test");

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "delivered");

        Assert.Equal("b.sender.test", Assert.Single(mx.Messages).HelloName);
        Assert.Equal("127.0.0.3", await service.DetailAsync(id, "delivered", "source"));
        Assert.Equal("b", await service.ScalarAsync<string>("SELECT egress_source FROM attempts"));
    }

    [Fact]
    public async Task A_retry_comes_from_the_address_that_was_deferred()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: [.. TwoSources]);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.7.1 greylisted", times: 30);

        var ids = new List<MessageId>();
        for (var i = 0; i < 30; i++)
        {
            ids.Add(await service.AcceptAsync($"a{i}@shop.test"));
        }

        foreach (var id in ids)
        {
            await service.WaitForEventAsync(id, "deferred");
        }

        await service.MoveByDueTimesAsync(TimeSpan.FromHours(1));
        foreach (var id in ids)
        {
            await service.WaitForEventAsync(id, "delivered");
        }

        Assert.Equal(30, await service.ScalarAsync<long>("""
            SELECT count(*) FROM attempts AS one JOIN attempts AS two USING (message_id, n)
             WHERE one.attempt = 1 AND two.attempt = 2 AND one.egress_source = two.egress_source
            """));
    }

    [Fact]
    public async Task A_source_with_one_family_passes_over_addresses_of_the_other()
    {
        await using var service = await TestService.StartAsync(settings: ["Egress:Sources:six:Ipv6Address=::1", "Egress:Sources:six:HelloName=six.sender.test"]);
        await using var mx = service.AddMx("shop.test");
        await using var six = ScriptedMx.Start("::1", service.MxPort);
        service.Dns.Aaaa("mx10.shop.test", "::1");
        await using var old = service.AddMx("old.test");

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "delivered");
        var stuck = await service.AcceptAsync("anna@old.test");
        await service.WaitForEventAsync(stuck, "deferred");

        Assert.Equal("six.sender.test", Assert.Single(six.Messages).HelloName);
        Assert.Empty(mx.Messages);
        Assert.Equal("4.4.4", await service.DetailAsync(stuck, "deferred", "status"));
        Assert.Empty(old.Messages);
    }

    [Fact]
    public async Task An_address_that_this_machine_lacks_is_said_to_be_our_fault_and_no_host_is_blamed()
    {
        await using var service = await TestService.StartAsync(settings: ["Egress:Sources:gone:Address=192.0.2.1", "Egress:Sources:gone:HelloName=gone.sender.test"]);
        await using var mx = service.AddMx("shop.test");

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "deferred");

        Assert.Equal("4.3.5", await service.DetailAsync(id, "deferred", "status"));
        Assert.Equal(0, mx.ConnectionCount);
        Assert.Contains("192.0.2.1", Assert.Single(await service.StepsAsync(id)).Reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_that_an_overlay_has_us_avoid_is_passed_over_and_where_all_are_mail_waits()
    {
        await using var service = await TestService.StartAsync(settings: [.. TwoSources]);
        await using var mx = service.AddMx("shop.test");
        var steering = service.Get<Steering>();
        var avoidA = await AvoidAsync("a");

        for (var i = 0; i < 50; i++)
        {
            await service.AcceptAsync($"a{i}@shop.test");
        }

        await mx.WaitForMessagesAsync(50);
        Assert.All(mx.Messages, m => Assert.Equal("b.sender.test", m.HelloName));

        await AvoidAsync("b");
        var held = await service.AcceptAsync("held@shop.test");
        await Wait.UntilAsync(
            async () => await service.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE message_id = '{held.Value}' AND held_by IS NOT NULL") == 1, "it is held");
        await steering.LiftAsync(avoidA, CancellationToken.None);
        await service.WaitForEventAsync(held, "delivered");

        Assert.Equal("a.sender.test", mx.Messages[^1].HelloName);

        async Task<long> AvoidAsync(string source)
        {
            var scope = new OverlayScope("mx:mx10.shop.test", source);
            return (await steering.ImposeAsync(
                new OverlayWish(OverlayKind.NextSource, scope, TimeProvider.System.GetUtcNow().AddHours(1)), CancellationToken.None))!.Id;
        }
    }

    [Fact]
    public async Task A_source_called_default_that_is_avoided_leaves_its_mail_to_the_others()
    {
        await using var service = await TestService.StartAsync(
            manualTime: true, settings: ["Egress:Sources:default:Address=127.0.0.2", "Egress:Sources:b:Address=127.0.0.3", "Egress:Sources:b:HelloName=b.sender.test"]);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.7.1 later", times: 1);
        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "deferred");
        await service.Get<Steering>().ImposeAsync(
            new OverlayWish(OverlayKind.NextSource, new OverlayScope("mx:mx10.shop.test", "default"), service.Time!.GetUtcNow().AddHours(5)), CancellationToken.None);

        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");

        Assert.Equal("b.sender.test", Assert.Single(mx.Messages).HelloName);
    }

    [Fact]
    public async Task A_dead_site_rests_for_all_sources_at_once()
    {
        await using var service = await TestService.StartAsync(
            manualTime: true, settings: [.. TwoSources, "Deliver:FailuresBeforeRest=3", "Deliver:ConnectionsPerLane=1"]);
        await using var mx = service.AddMx("dead.test");
        mx.RefuseConnections();

        var first = await service.AcceptAsync("a1@dead.test, a2@dead.test, a3@dead.test", ipPool: "first");
        await service.WaitForEventAsync(first, "deferred", 3);
        await Wait.UntilAsync(() => service.Get<LaneDirectory>().All().Any(l => l.RestsUntil is not null), "it rests");
        var second = await service.AcceptAsync("b@dead.test", ipPool: "second");
        await service.DueAtAsync(second);

        Assert.Equal(["accepted"], await service.EventsAsync(second));
        Assert.Equal(0, await service.ScalarAsync<int>($"SELECT attempts FROM outbox WHERE message_id = '{second.Value}'"));
    }
}
