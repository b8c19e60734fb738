using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

public sealed class Final_reply_is_slow
{
    [Fact]
    public async Task A_final_reply_after_30_s_is_waited_for_and_no_other_host_is_tried()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var first = service.AddMx("shop.test", 10);
        await using var second = service.AddMx("shop.test", 20);
        first.HoldFinalReplies();
        var id = await service.AcceptAsync("anna@shop.test");
        await first.WaitForMessagesAsync(1);

        for (var passed = 0; passed < 30; passed++)
        {
            service.Time!.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(["accepted"], await service.EventsAsync(id));
        first.ReleaseFinalReplies();

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Single(await service.StepsAsync(id));
        Assert.Single(first.Messages);
        Assert.Equal(0, second.ConnectionCount);
    }
}
