using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Host_says_not_now(Scenario scenario) : IClassFixture<Scenario>
{
    [Theory]
    [InlineData(SmtpStage.MailFrom, "450 4.7.1 Greylisted", "4.7.1", "message")]
    [InlineData(SmtpStage.RcptTo, "450 4.2.0 Try later", "4.2.0", "recipient")]
    [InlineData(SmtpStage.RcptTo, "503 5.5.1 Out of order", "5.5.1", "lane")]
    [InlineData(SmtpStage.Data, "451 4.3.0 Out of memory", "4.3.0", "message")]
    [InlineData(SmtpStage.EndOfData, "452 4.3.1 Out of disk", "4.3.1", "message")]
    public async Task The_recipient_is_deferred(SmtpStage stage, string reply, string status, string scope)
    {
        await using var hosts = scenario.AddDomain();
        foreach (var host in new[] { hosts.First, hosts.Second })
        {
            host.Capabilities.Remove("CHUNKING");
            host.Reply(stage, reply);
        }

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.DefersAsync(id, status, scope);

        // Only a fault of the host sends us to the next one; and a host that is out of step is asked once more, command by command.
        Assert.Equal(scope == "lane" ? 2 : 0, hosts.Second.ConnectionCount);
    }

    [Fact]
    public async Task Too_many_recipients_in_the_old_spelling_552_is_not_now()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.RcptTo, "552 Too many recipients");

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);
        await scenario.Service.WaitForEventAsync(id, "deferred");

        Assert.Equal("recipient", await scenario.Service.DetailAsync(id, "deferred", "scope"));
    }

    [Theory]
    [InlineData(SmtpStage.MailFrom)]
    [InlineData(SmtpStage.RcptTo)]
    [InlineData(SmtpStage.Data)]
    [InlineData(SmtpStage.EndOfData)]
    public async Task It_is_tried_again_on_schedule_until_delivered(SmtpStage stage)
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        mx.Capabilities.Remove("CHUNKING");
        mx.Reply(stage, "451 4.3.0 Not now", times: 3);

        var id = await service.AcceptAsync("anna@shop.test");
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await service.WaitForEventAsync(id, "deferred", attempt);
            await service.MoveToNextAttemptAsync(id);
        }

        Assert.Equal(["accepted", "processed", "deferred", "deferred", "deferred", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Equal([1, 2, 3, 4], (await service.StepsAsync(id)).Select(s => s.Attempt));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task Waits_double_up_to_four_hours_and_after_72_hours_the_recipient_expires()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.2.1 Mailbox busy");
        var accepted = service.Time!.GetUtcNow();

        var id = await service.AcceptAsync("anna@shop.test");
        var attempt = 1;
        for (; ; attempt++)
        {
            await Wait.UntilAsync(
                async () =>
                {
                    await service.WakePollAsync();
                    var kinds = await service.EventsAsync(id);
                    return kinds.Count(k => k == "deferred") >= attempt || kinds.Contains("expired");
                },
                $"attempt {attempt} is over");
            if ((await service.EventsAsync(id)).Contains("expired"))
            {
                break;
            }

            var last = new DateTimeOffset(await service.ScalarAsync<DateTime>("SELECT last_attempt_at FROM outbox"), TimeSpan.Zero);
            var due = await service.MoveToNextAttemptAsync(id);
            var nominal = Math.Min(Math.Pow(2, attempt - 1), 240);
            var isLast = due - accepted >= TimeSpan.FromHours(72) - TimeSpan.FromMilliseconds(1);
            Assert.InRange((due - last).TotalMinutes, isLast ? 0 : nominal * 0.79, nominal * 1.21);
        }

        Assert.InRange(attempt, 22, 32);
        Assert.Equal("expired", (await service.EventsAsync(id))[^1]);
        Assert.Equal("450 4.2.1 Mailbox busy", await service.DetailAsync(id, "expired", "reply"));
        Assert.Equal("expired", await service.ScalarAsync<string>("SELECT state FROM settled"));
        Assert.InRange((service.Time.GetUtcNow() - accepted).TotalHours, 72, 72.1);
    }
}
