using EmailService.ServiceKit;

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
