using EmailService.Dns;

namespace EmailService.EndToEnd;

public sealed class First_host_has_no_address(Scenario scenario) : IClassFixture<Scenario>
{
    [Fact]
    public async Task The_second_host_takes_over()
    {
        await using var hosts = scenario.AddDomain();
        scenario.Service.Dns.Remove($"mx10.{hosts.Domain}");

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal("connect", step.Stage);
        Assert.StartsWith("451 4.4.4 ", step.Reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_no_host_has_an_address_the_recipient_is_deferred()
    {
        await using var hosts = scenario.AddDomain();
        scenario.Service.Dns.Remove($"mx10.{hosts.Domain}", DnsType.A).Remove($"mx20.{hosts.Domain}", DnsType.A);

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.DefersAsync(id, "4.4.4", "lane");
    }
}
