using EmailService.Smtp;

namespace EmailService.EndToEnd;

public sealed class Host_answers_with_100_kB(Scenario scenario) : IClassFixture<Scenario>
{
    [Theory]
    [InlineData(SmtpStage.Greeting, "greeting")]
    [InlineData(SmtpStage.Hello, "ehlo")]
    [InlineData(SmtpStage.MailFrom, "mail")]
    [InlineData(SmtpStage.RcptTo, "rcpt")]
    public async Task The_second_host_takes_over_and_little_of_the_reply_is_kept(SmtpStage stage, string name)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.ReplyHugely(stage, 100_000);

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal(name, step.Stage);
        Assert.StartsWith("451 4.5.0 ", step.Reply, StringComparison.Ordinal);
        Assert.InRange(step.Transcript!.Length, 1, 10_000);
    }

    [Fact]
    public async Task In_place_of_the_final_reply_it_leaves_the_outcome_unknown()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.ReplyHugely(SmtpStage.EndOfData, 100_000);

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.Service.WaitForEventAsync(id, "unknown");
        Assert.Equal(0, hosts.Second.ConnectionCount);
    }
}
