using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A byte at a time, on the machine's clock: one that a test moves would run ahead of the service, which reads from a real socket.
/// A second is shortened to some milliseconds, and the deadline by as much.</summary>
public sealed class Host_sends_one_byte_a_second
{
    private static readonly TimeSpan Second = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task A_host_whose_replies_come_within_their_deadlines_gets_its_mail()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        Slow(mx);

        var id = await service.AcceptAsync("anna@shop.test");

        await service.WaitForEventAsync(id, "delivered");
        Assert.Equal(["accepted", "processed", "delivered"], await service.EventsAsync(id));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task A_greeting_that_is_not_whole_by_its_deadline_sends_the_mail_to_the_second_host()
    {
        // Each byte is in time for itself; all of them would take ten times as long as they may.
        const int Deadline = 300;
        await using var service = await TestService.StartAsync(settings: [$"Deliver:CommandTimeout={Deadline * Second:c}"]);
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        Slow(first);
        first.Reply(SmtpStage.Greeting, "220 " + new string('x', 10 * Deadline));

        var id = await service.AcceptAsync("anna@shop.test");

        await service.WaitForEventAsync(id, "delivered");
        Assert.Single(second.Messages);
        var steps = await service.StepsAsync(id);
        Assert.Equal(("greeting", "host"), (steps[0].Stage, steps[0].Scope));
        Assert.StartsWith("451 4.4.1 no answer in time", steps[0].Reply, StringComparison.Ordinal);
    }

    private static void Slow(ScriptedMx mx)
    {
        mx.Pacing = MxPacing.ByteByByte;
        mx.PieceDelay = Second;
    }
}
