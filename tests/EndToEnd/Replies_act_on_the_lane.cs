using EmailService.Deliver;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.Steer;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Replies_act_on_the_lane : IDisposable
{
    private const string Lane = "mx:mx10.shop.test";

    private readonly Rules rules = new();

    public void Dispose() => rules.Dispose();

    [Theory]
    [InlineData("451 4.7.0 T-SUSPEND", "suspend")]
    [InlineData("451 4.7.0 T-SOURCE", "next_source")]
    [InlineData("550 5.7.1 T-SUSPEND", "suspend")]
    public async Task A_suspended_lane_gets_nothing_until_it_ends(string reply, string kind)
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: rules.Setting);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, reply, times: 1);

        var first = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(first, reply[0] == '4' ? "deferred" : "bounced");
        var overlay = await ImposedAsync(service);
        Assert.Equal((kind, Lane, OverlayOrigin.Reply, reply), (overlay.Kind.ToName(), overlay.Scope.Lane, overlay.Origin, overlay.Reply));
        Assert.Equal(service.Time!.GetUtcNow().AddMinutes(10), overlay.Until, TimeSpan.FromMilliseconds(1));

        var second = await service.AcceptAsync("bert@shop.test");
        await HeldAsync(service, second, overlay);
        Assert.Empty(mx.Messages);
        Assert.Equal(0, await service.ScalarAsync<int>($"SELECT attempts FROM outbox WHERE message_id = '{second.Value}'"));

        service.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(second, "delivered"));
        Assert.Empty(service.Get<Overlays>().InForce);
    }

    [Fact]
    public async Task What_a_suspension_kept_back_is_due_at_once_when_it_is_lifted()
    {
        await using var service = await TestService.StartAsync(settings: rules.Setting);
        using var client = await service.NewClientAsync();
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "550 5.7.1 T-SUSPEND", times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "bounced");
        var overlay = await ImposedAsync(service);

        // The account whose mail was refused: it has a share of the table.
        Assert.Equal(1, await service.ScalarAsync<int>($"SELECT by_account FROM overlays WHERE id = {overlay.Id}"));
        var second = await service.AcceptAsync("bert@shop.test");
        await HeldAsync(service, second, overlay);

        using var answer = await client.DeleteAsync(new Uri($"/v1/overlays/{overlay.Id}", UriKind.Relative));

        Assert.Equal(System.Net.HttpStatusCode.NoContent, answer.StatusCode);
        await service.WaitForEventAsync(second, "delivered");
        Assert.Empty(service.Get<Overlays>().InForce);
    }

    [Fact]
    public async Task A_trigger_waits_for_its_count_on_one_lane()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: rules.Setting);
        await using var mx = service.AddMx("shop.test");
        await using var other = service.AddMx("other.test");
        mx.Reply(SmtpStage.RcptTo, "451 4.7.0 T-THIRD");
        other.Reply(SmtpStage.RcptTo, "451 4.7.0 T-THIRD");

        foreach (var address in new[] { "a@shop.test", "b@other.test", "c@shop.test", "d@other.test" })
        {
            await service.WaitForEventAsync(await service.AcceptAsync(address), "deferred");
        }

        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM overlays"));

        await service.WaitForEventAsync(await service.AcceptAsync("e@shop.test"), "deferred");
        Assert.Equal(Lane, (await ImposedAsync(service)).Scope.Lane);
    }

    [Fact]
    public async Task A_lowered_rate_is_lowered_once_more_when_the_answer_does_not_change()
    {
        var shaping = Path.GetTempFileName();
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "domains": { "shop.test": { "messages_per_second": 2 } } }""");
        await using var service = await TestService.StartAsync(manualTime: true, settings: [rules.Setting, $"Deliver:ShapingFile={shaping}"]);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "451 4.7.0 T-SLOW", times: 2);

        await service.WaitForEventAsync(await service.AcceptAsync("a@shop.test"), "deferred");
        Assert.Equal(0.5, (await ImposedAsync(service)).Factor);
        var lane = Assert.Single(service.Get<LaneDirectory>().All());

        // What leaves in ten minutes at one a second instead of two.
        Assert.Equal(600, lane.MostWaiting);

        service.Time!.Advance(TimeSpan.FromSeconds(30));
        await service.WaitForEventAsync(await service.AcceptAsync("b@shop.test"), "deferred");
        await Wait.UntilAsync(() => lane.MostWaiting == 300, "the rate is a quarter");
        Assert.Equal(0.25, Assert.Single(service.Get<Overlays>().InForce).Factor);

        service.Time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal(1200, lane.MostWaiting);
        File.Delete(shaping);
    }

    [Fact]
    public async Task A_lane_without_a_rate_gives_up_connections()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: rules.Setting);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "451 4.7.0 T-SLOW", times: 1);
        var first = await service.AcceptAsync("a@shop.test");

        await service.WaitForEventAsync(first, "deferred");
        await ImposedAsync(service);

        Assert.Equal(ConcurrencyWindow.Initial / 2, Assert.Single(service.Get<LaneDirectory>().All()).Allowed);
    }

    [Fact]
    public async Task A_rule_may_call_final_what_the_host_does_not()
    {
        await using var service = await TestService.StartAsync(settings: rules.Setting);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.7.1 T-BOUNCE");

        var id = await service.AcceptAsync("anna@shop.test");

        Assert.Equal(["accepted", "processed", "bounced"], await service.WaitForEventAsync(id, "bounced"));
        Assert.Equal(("t-bounce", "bounce"), (await service.DetailAsync(id, "bounced", "rule"), await service.DetailAsync(id, "bounced", "action")));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM suppressions"));
    }

    [Fact]
    public async Task A_rule_may_say_when_the_next_attempt_is()
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: rules.Setting);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.7.1 T-DEFER", times: 1);
        var now = service.Time!.GetUtcNow();

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "deferred");

        Assert.InRange(await service.DueAtAsync(id) - now, TimeSpan.FromMinutes(6), TimeSpan.FromMinutes(7.2));
        Assert.Equal(("t-defer", "defer"), (await service.DetailAsync(id, "deferred", "rule"), await service.DetailAsync(id, "deferred", "action")));
        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");
    }

    [Fact]
    public async Task What_we_say_ourselves_triggers_nothing()
    {
        await using var service = await TestService.StartAsync(settings: rules.Setting);
        await using var closing = service.AddMx("closing.test");
        await using var speaking = service.AddMx("speaking.test");
        closing.Close(SmtpStage.RcptTo);
        speaking.Reply(SmtpStage.RcptTo, "451 4.4.2 the connection was closed");

        var ours = await service.AcceptAsync("anna@closing.test");
        await service.WaitForEventAsync(ours, "deferred");
        Assert.Equal("true", await service.DetailAsync(ours, "deferred", "ours"));
        Assert.Contains("closed", await service.DetailAsync(ours, "deferred", "reply"), StringComparison.Ordinal);
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM overlays"));

        // The same words from a host do.
        await service.WaitForEventAsync(await service.AcceptAsync("anna@speaking.test"), "deferred");
        Assert.Equal("mx:mx10.speaking.test", (await ImposedAsync(service)).Scope.Lane);
    }

    [Fact]
    public async Task What_one_node_hears_holds_for_all()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await TestService.StartAsync(database: database, dns: dns, settings: [rules.Setting, "HostName=one.test"]);
        await using var two = await TestService.StartAsync(database: database, dns: dns, mxPort: one.MxPort, settings: [rules.Setting, "HostName=two.test"]);
        await using var mx = one.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "550 5.7.1 T-SUSPEND", times: 1);

        await one.WaitForEventAsync(await one.AcceptAsync("anna@shop.test"), "bounced");
        var overlay = await ImposedAsync(one);
        await Wait.UntilAsync(() => two.Get<Overlays>().InForce.Count == 1, "the other node knows of it");
        var held = await two.AcceptAsync("bert@shop.test");
        await HeldAsync(two, held, overlay);
        Assert.Empty(mx.Messages);

        Assert.NotNull(await two.Get<Steering>().LiftAsync(overlay.Id, CancellationToken.None));
        await two.WaitForEventAsync(held, "delivered");
        await Wait.UntilAsync(() => one.Get<Overlays>().InForce.Count == 0, "the first node knows that it was lifted");
    }

    private static async Task<Overlay> ImposedAsync(TestService service)
    {
        await Wait.UntilAsync(() => service.Get<Overlays>().InForce.Count > 0, "an overlay is in force");
        return Assert.Single(service.Get<Overlays>().InForce);
    }

    private static Task HeldAsync(TestService service, MessageId message, Overlay overlay) => Wait.UntilAsync(
        async () => await service.ScalarAsync<long>(
            $"SELECT count(*) FROM outbox WHERE message_id = '{message.Value}' AND state = 'queued' AND held_by = {overlay.Id} AND due_at > now()") == 1,
        "the message is held");
}
