using EmailService.Messages;
using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

public sealed class Content_cannot_be_read
{
    [Fact]
    public async Task It_is_deferred_and_does_not_hold_up_the_messages_that_were_claimed_with_it()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var sendAt = service.Time!.GetUtcNow() + TimeSpan.FromHours(1);
        var broken = await service.AcceptAsync("anna@shop.test", sendAt: sendAt);
        var sound = await service.AcceptAsync("bert@shop.test", sendAt: sendAt);

        // Form 9: a newer program's, which this one must neither guess at nor bounce.
        await service.ScalarAsync<Guid>($"UPDATE messages SET content = '\\x09' WHERE id = '{broken.Value}' RETURNING id");
        service.Time.Advance(TimeSpan.FromHours(1));

        await service.WaitForEventAsync(sound, "delivered");
        await service.WaitForEventAsync(broken, "deferred");
        Assert.Equal("true", await service.DetailAsync(broken, "deferred", "ours"));
    }

    [Fact]
    public async Task Message_that_cannot_be_composed_waits_and_is_counted()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var id = await service.AcceptAsync("anna@shop.test", sendAt: service.Time!.GetUtcNow() + TimeSpan.FromHours(1));

        // No version of Accept takes this address, so it stands for whatever one may fail to find.
        var stored = MessageCodec.Encode(new Personalization { To = [new MailAddress("not an address")] });
        await service.ScalarAsync<Guid>($"UPDATE messages SET personalization = '\\x{Convert.ToHexString(stored)}' WHERE id = '{id.Value}' RETURNING id");
        service.Time.Advance(TimeSpan.FromHours(1));

        await service.WaitForEventAsync(id, "deferred");
        Assert.Equal("true", await service.DetailAsync(id, "deferred", "ours"));
        Assert.Contains("can't be composed", await service.DetailAsync(id, "deferred", "reply"), StringComparison.Ordinal);
        using var client = await service.NewClientAsync();
        Assert.Contains("emailservice_compose_failed_total 1", await client.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_is_not_there_bounces()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        var id = await service.AcceptAsync("anna@shop.test", sendAt: service.Time!.GetUtcNow() + TimeSpan.FromHours(1));
        await service.ScalarAsync<Guid>("DELETE FROM messages RETURNING id");
        service.Time.Advance(TimeSpan.FromHours(1));

        await service.WaitForEventAsync(id, "bounced");
    }
}
