using EmailService.Smtp;

namespace EmailService.EndToEnd;

public sealed class First_host_greets_with_a_refusal(Scenario scenario) : IClassFixture<Scenario>
{
    [Theory]
    [InlineData("421 4.3.2 Come back later")]
    [InlineData("554 5.7.1 Your address is blocked")]
    [InlineData("450 4.7.1 Not yet")]
    public async Task The_second_host_takes_over(string greeting)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.Greeting, greeting);

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal(("greeting", greeting), (step.Stage, step.Reply));
    }

    [Fact]
    public async Task When_both_greet_with_554_the_recipient_is_deferred_and_not_bounced()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.Greeting, "554 5.7.1 Your address is blocked");
        hosts.Second.Reply(SmtpStage.Greeting, "554 5.7.1 Your address is blocked");

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.DefersAsync(id, "5.7.1", "lane");
    }
}
