using EmailService.ServiceKit;
using EmailService.Steer;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Source_is_warmed_up
{
    private const int Cap = 10;
    private static readonly string Today = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);

    private static readonly string[] NewSource =
    [
        "Egress:Sources:new:Address=127.0.0.2", "Egress:Sources:new:HelloName=new.sender.test",
        $"Egress:Sources:new:WarmUp:Start={Today}", $"Egress:Sources:new:WarmUp:DailyCaps={Cap},{Cap},{Cap}",
    ];

    [Fact]
    public async Task What_is_above_its_cap_goes_by_the_warm_source_of_the_pool()
    {
        await using var service = await TestService.StartAsync(
            manualTime: true, settings: [.. NewSource, "Egress:Sources:old:Address=127.0.0.3", "Egress:Sources:old:HelloName=old.sender.test"]);
        await using var mx = service.AddMx("shop.test");

        await SubmitAsync(service, 200);
        await mx.WaitForMessagesAsync(200);

        Assert.InRange(mx.Messages.Count(m => m.HelloName == "new.sender.test"), 1, Cap);
        Assert.InRange(mx.Messages.Count(m => m.HelloName == "old.sender.test"), 200 - Cap, 199);
    }

    [Fact]
    public async Task Without_a_warm_source_mail_waits_for_the_cap_to_open_and_is_not_deferred()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: [.. NewSource]);
        await using var mx = service.AddMx("shop.test");

        await SubmitAsync(service, 50);
        await RestsAsync(service, mx);
        var first = mx.Messages.Count;
        Assert.InRange(first, Cap / 2, Cap);

        await service.MoveByDueTimesAsync(TimeSpan.FromDays(1));
        await RestsAsync(service, mx);

        Assert.InRange(mx.Messages.Count, first + 1, 2 * Cap);
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind NOT IN ('accepted', 'processed', 'delivered')"));
        Assert.Equal(Cap, await service.ScalarAsync<int>("SELECT greatest(max(taken), " + Cap + ") FROM warm_up_days"));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE attempts > 0"));
    }

    [Fact]
    public async Task What_was_held_while_its_source_was_suspended_adds_nothing_to_the_cap()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: [.. NewSource]);
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");
        var wish = new OverlayWish(OverlayKind.Suspend, new OverlayScope(Source: "new"), service.Time!.GetUtcNow().AddHours(1));
        var suspension = await service.Get<Steering>().ImposeAsync(wish, CancellationToken.None);
        await SubmitAsync(service, 50);
        await Wait.UntilAsync(async () => await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE held_by IS NOT NULL") == 50, "all is held");

        await service.Get<Steering>().LiftAsync(suspension!.Id, CancellationToken.None);
        await RestsAsync(service, mx);

        Assert.InRange(mx.Messages.Count, 1, Cap);
    }

    private static async Task SubmitAsync(TestService service, int count)
    {
        for (var i = 0; i < count; i += 10)
        {
            await service.AcceptAsync(string.Join(',', Enumerable.Range(i, 10).Select(n => $"a{n}@shop.test")));
        }
    }

    /// <summary>All that may go has gone, and the rest is due later.</summary>
    private static async Task RestsAsync(TestService service, ScriptedMx mx)
    {
        await service.WaitForRestAsync();
        Assert.Equal(mx.Messages.Count, await service.ScalarAsync<long>("SELECT count(*) FROM settled"));
    }
}
