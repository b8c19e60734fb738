using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class First_host_refuses_connections(Scenario scenario) : IClassFixture<Scenario>
{
    [Fact]
    public async Task The_second_host_takes_over()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.RefuseConnections();

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal("connect", step.Stage);
        Assert.StartsWith("451 4.4.1 no connection", step.Reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_both_refuse_the_recipient_is_deferred_and_the_lane_to_blame()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.RefuseConnections();
        hosts.Second.RefuseConnections();

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.DefersAsync(id, "4.4.1", "lane");
        Assert.Equal(2, (await scenario.Service.StepsAsync(id)).Count);
    }

    /// <summary>That the second was not tried says nothing about the site; that the first gives no connection does.</summary>
    [Fact]
    public async Task When_others_have_all_connections_to_the_second_the_first_is_to_blame()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:Connections=16"]);
        await using var first = service.AddMx("shop.test", 10, address: "127.79.1.1");
        await using var second = service.AddMx("other.test", address: "127.78.1.1");
        service.Dns.Mx("shop.test", 20, "mx20.shop.test").A("mx20.shop.test", "127.78.1.1");
        first.RefuseConnections();
        second.Hang(SmtpStage.Connect);
        await service.AcceptAsync("a@other.test");
        await service.AcceptAsync("b@other.test");
        await Wait.UntilAsync(() => second.ConnectionCount == 2, "others have the connections that one new site may have");

        var id = await service.AcceptAsync("anna@shop.test");

        Assert.Equal("deferred", (await service.WaitForEventAsync(id, "deferred"))[^1]);
        Assert.Equal("4.4.1", await service.DetailAsync(id, "deferred", "status"));
        Assert.Equal("lane", await service.DetailAsync(id, "deferred", "scope"));
        Assert.Equal(["mx20.shop.test", "mx10.shop.test"], (await service.StepsAsync(id)).Select(step => step.MailHost));
    }

    [Fact]
    public async Task A_host_that_refused_is_tried_last_for_a_while()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.RefuseConnections();
        await scenario.SecondHostTakesOverAsync(hosts);
        hosts.First.AcceptConnections();

        // The kept session to the second host may or may not be open still: neither way leads to the first.
        var id = await scenario.Service.AcceptAsync("bert@" + hosts.Domain);
        await scenario.Service.WaitForEventAsync(id, "delivered");

        Assert.Equal([$"mx20.{hosts.Domain}"], (await scenario.Service.StepsAsync(id)).Select(s => s.MailHost));
    }
}
