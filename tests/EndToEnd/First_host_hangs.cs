using EmailService.Smtp;

namespace EmailService.EndToEnd;

public sealed class First_host_hangs(First_host_hangs.Impatient scenario) : IClassFixture<First_host_hangs.Impatient>
{
    // At the connection itself a host on loopback can't hang: the system accepts before the program does.
    [Theory]
    [InlineData(SmtpStage.Greeting, "greeting")]
    [InlineData(SmtpStage.Hello, "ehlo")]
    [InlineData(SmtpStage.MailFrom, "mail")]
    [InlineData(SmtpStage.RcptTo, "rcpt")]
    [InlineData(SmtpStage.Data, "data")]
    public async Task The_second_host_takes_over(SmtpStage stage, string name)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities.Remove("CHUNKING");
        hosts.First.Hang(stage);

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal(name, step.Stage);
        Assert.StartsWith("451 4.4.1 no answer in time", step.Reply, StringComparison.Ordinal);
        Assert.Empty(hosts.First.Messages);
    }

    public sealed class Impatient : Scenario
    {
        protected override string[] Settings => ["Deliver:CommandTimeout=00:00:02.5"];
    }
}
