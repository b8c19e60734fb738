using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

public sealed class Send_at_lies_ahead
{
    [Fact]
    public async Task The_message_waits_until_then()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var sendAt = service.Time!.GetUtcNow() + TimeSpan.FromHours(6);

        var later = await service.AcceptAsync("anna@shop.test", sendAt: sendAt);
        var now = await service.AcceptAsync("bert@shop.test");
        await service.WaitForEventAsync(now, "delivered");
        service.Time.Advance(TimeSpan.FromHours(6) - TimeSpan.FromSeconds(1));
        await service.WaitForEventAsync(await service.AcceptAsync("carl@shop.test"), "delivered");

        Assert.Equal(["accepted"], await service.EventsAsync(later));
        await service.MoveToNextAttemptAsync(later);
        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(later, "delivered"));

        // The time to try it counts from then on.
        Assert.Equal(3, mx.Messages.Count);
    }
}
