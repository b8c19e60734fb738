using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>The host's seconds are the service's: both clocks move together, one byte each time.</summary>
public sealed class Host_sends_one_byte_a_second
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_host_whose_replies_come_within_their_deadlines_gets_its_mail()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var clock = Slow(mx);

        var id = await service.AcceptAsync("anna@shop.test");

        Assert.Equal(["accepted", "processed", "delivered"], await TickUntilAsync(service, clock, id, "delivered"));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task A_greeting_that_takes_more_than_five_minutes_sends_the_mail_to_the_second_host()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        var clock = Slow(first);
        first.Reply(SmtpStage.Greeting, "220 " + new string('x', 400));

        var id = await service.AcceptAsync("anna@shop.test");

        await TickUntilAsync(service, clock, id, "delivered");
        Assert.Single(second.Messages);
        var steps = await service.StepsAsync(id);
        Assert.Equal(("greeting", "host"), (steps[0].Stage, steps[0].Scope));
        Assert.StartsWith("451 4.4.1 no answer in time", steps[0].Reply, StringComparison.Ordinal);
    }

    private static ManualTime Slow(ScriptedMx mx)
    {
        var clock = new ManualTime();
        mx.Pacing = MxPacing.ByteByByte;
        mx.PieceDelay = Second;
        mx.Clock = clock;
        return clock;
    }

    // Time goes on only while the host waits to send its next byte.
    private static async Task<List<string>> TickUntilAsync(TestService service, ManualTime host, MessageId id, string kind)
    {
        var done = service.WaitForEventAsync(id, kind);
        while (await Task.WhenAny(done, host.WhenTimers(1)) != done)
        {
            service.Time!.Advance(Second);
            host.Advance(Second);
        }

        return await done;
    }
}
