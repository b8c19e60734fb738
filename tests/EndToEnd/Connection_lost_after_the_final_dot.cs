using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Connection_lost_after_the_final_dot
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_outcome_is_unknown_and_no_host_is_tried_before_the_quiet_period_is_over(bool chunking)
    {
        await using var service = await TestService.StartAsync(manualTime: true, settings: "Outbox:UnknownQuietPeriod=00:30:00");
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        if (!chunking)
        {
            first.Capabilities.Remove("CHUNKING");
        }

        first.Close(SmtpStage.EndOfData, times: 1);
        var id = await service.AcceptAsync("anna@shop.test");

        Assert.Equal(["accepted", "processed", "unknown"], await service.WaitForEventAsync(id, "unknown"));
        var due = await service.DueAtAsync(id);
        Assert.Equal(30, (due - service.Time!.GetUtcNow()).TotalMinutes, 0.001);
        Assert.Empty(second.Messages);
        Assert.Equal("unknown", Assert.Single(await service.StepsAsync(id)).Disposition);

        // A second before its end nothing is due.
        service.Time.Advance(due - service.Time.GetUtcNow() - TimeSpan.FromSeconds(1));
        Assert.Equal(1, first.ConnectionCount);

        await service.MoveToNextAttemptAsync(id);
        Assert.Equal(["accepted", "processed", "unknown", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Equal(2, first.Messages.Count);
        Assert.Equal(0, second.ConnectionCount);
    }

    [Fact]
    public async Task A_message_that_is_rather_never_than_twice_bounces_and_is_not_tried_again()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        first.Close(SmtpStage.EndOfData, times: 1);

        var id = await service.AcceptAsync("anna@shop.test", OnUnknown.Stop);

        Assert.Equal(["accepted", "processed", "bounced"], await service.WaitForEventAsync(id, "bounced"));
        Assert.Contains("unknown", await service.DetailAsync(id, "bounced", "reply"), StringComparison.Ordinal);
        Assert.Equal("bounced", await service.ScalarAsync<string>("SELECT state FROM settled"));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Single(first.Messages);
        Assert.Equal(0, second.ConnectionCount);
    }

    [Fact]
    public async Task A_final_reply_that_does_not_come_in_ten_minutes_leaves_the_outcome_unknown()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        first.Hang(SmtpStage.EndOfData, times: 1);

        var id = await service.AcceptAsync("anna@shop.test");
        await first.WaitForMessagesAsync(1);

        // Nothing but the final reply is awaited now; the timer may be set a moment after the content has arrived.
        await Wait.UntilAsync(
            async () =>
            {
                service.Time!.Advance(TimeSpan.FromMinutes(5));
                return (await service.EventsAsync(id)).Contains("unknown");
            },
            "the outcome is unknown");
        Assert.Equal(0, second.ConnectionCount);
    }
}
