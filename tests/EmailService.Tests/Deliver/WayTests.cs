using EmailService.ServiceKit;

namespace EmailService.Tests.Deliver;

public sealed class WayTests
{
    [Fact]
    public async Task An_accepted_message_reaches_the_mail_host_of_its_domain_and_the_log_says_so()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");

        var id = await service.AcceptAsync("anna@shop.test");

        var messages = await mx.WaitForMessagesAsync(1);
        Assert.Contains("Subject: Your order", messages[0].Text, StringComparison.Ordinal);
        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Equal("delivered", await service.ScalarAsync<string>("SELECT state FROM settled"));
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM attempts"));
    }
}
