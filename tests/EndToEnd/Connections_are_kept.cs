using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Connections_are_kept
{
    [Fact]
    public async Task Messages_one_after_the_other_share_a_connection()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");

        for (var i = 0; i < 10; i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"a{i}@shop.test"), "delivered");
        }

        Assert.Equal(1, mx.ConnectionCount);
    }

    [Fact]
    public async Task A_connection_carries_no_more_messages_than_it_may()
    {
        await using var service = await TestService.StartAsync(settings:
            ["Deliver:ConnectionsPerLane=1", "Deliver:MessagesPerConnection=4", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");

        var id = await service.AcceptAsync(string.Join(',', Enumerable.Range(0, 10).Select(i => $"a{i}@shop.test")));
        await service.WaitForEventAsync(id, "delivered", 10);

        Assert.Equal(3, mx.ConnectionCount);
        Assert.Equal([4, 4, 2], mx.Messages.GroupBy(m => m.Connection).OrderBy(g => g.Key).Select(g => g.Count()));
        Assert.Equal(2, mx.Commands.Count(c => c == "QUIT"));
    }

    [Fact]
    public async Task A_kept_connection_that_its_host_has_ended_is_no_failure()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        mx.ResetConnections();
        var id = await service.AcceptAsync("bert@shop.test");

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Single(await service.StepsAsync(id));
        Assert.Equal(2, mx.ConnectionCount);
    }

    [Theory]
    [InlineData(SmtpStage.Reset, "500 5.5.1 What?")]
    [InlineData(SmtpStage.Reset, "421 4.4.2 Idle too long")]
    [InlineData(SmtpStage.Reset, "close")]
    [InlineData(SmtpStage.MailFrom, "421 4.7.0 Enough for this session")]
    [InlineData(SmtpStage.MailFrom, "503 5.5.1 Sender already given")]
    [InlineData(SmtpStage.MailFrom, "452 4.3.1 Too many messages in this session")]
    [InlineData(SmtpStage.MailFrom, "550 5.7.0 Maximum number of mails per session exceeded")]
    [InlineData(SmtpStage.MailFrom, "close")]
    [InlineData(SmtpStage.RcptTo, "452 4.5.3 Too many recipients")]
    [InlineData(SmtpStage.RcptTo, "close")]
    [InlineData(SmtpStage.EndOfData, "451 4.3.2 Too many messages this session")]
    public async Task An_answer_that_only_says_that_the_session_is_spent_is_no_failure(SmtpStage stage, string reply)
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");
        mx.ReplyTo("nobody@shop.test", "550 5.1.1 No such user");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");
        if (stage == SmtpStage.Reset)
        {
            await service.WaitForEventAsync(await service.AcceptAsync("nobody@shop.test"), "bounced");
        }

        if (reply == "close")
        {
            mx.Close(stage, times: 1);
        }
        else
        {
            mx.Reply(stage, reply, times: 1);
        }

        var id = await service.AcceptAsync("bert@shop.test");

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        var step = Assert.Single(await service.StepsAsync(id));
        Assert.Equal((2, "bert@shop.test"), (mx.ConnectionCount, mx.Messages[^1].ForwardPaths[0]));

        // Who asks finds both sessions.
        Assert.Contains(reply == "close" ? "* Closed" : $"< {reply}", step.Transcript, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_gauges_count_connections()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");
        using var client = new HttpClient { BaseAddress = new Uri(service.App.Urls.First()) };
        Assert.Equal("0", await GaugeAsync("emailservice_deliver_connections"));
        mx.HoldFinalReplies();

        var id = await service.AcceptAsync("anna@shop.test");
        await mx.WaitForMessagesAsync(1);
        Assert.Equal("1", await GaugeAsync("emailservice_deliver_connections"));
        Assert.Equal("1", await GaugeAsync("emailservice_deliver_lane_connections{lane=\"other\"}"));
        mx.ReleaseFinalReplies();
        await service.WaitForEventAsync(id, "delivered");

        // A worker without a connection gives its place back, and ends.
        mx.Reply(SmtpStage.Greeting, "421 4.3.2 Too busy");
        mx.ResetConnections();
        await service.WaitForEventAsync(await service.AcceptAsync("carl@shop.test"), "deferred");
        await Wait.UntilAsync(() => service.Get<EmailService.Deliver.LaneDirectory>().All().Sum(l => l.Workers) == 0, "the worker to end");
        Assert.Equal("0", await GaugeAsync("emailservice_deliver_connections"));
        Assert.Equal("0", await GaugeAsync("emailservice_deliver_lane_connections{lane=\"other\"}"));

        async Task<string> GaugeAsync(string name)
        {
            var metrics = await client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
            return metrics.Split('\n').Where(l => l.StartsWith(name + " ", StringComparison.Ordinal)).Select(l => l.Split(' ')[1]).FirstOrDefault() ?? metrics;
        }
    }

    [Fact]
    public async Task A_connection_without_work_is_ended_with_QUIT()
    {
        await using var service = await TestService.StartAsync(settings: "Deliver:IdleTimeout=00:00:00.05");
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        await Wait.UntilAsync(() => mx.Commands.Contains("QUIT"), "QUIT is said");
    }
}
