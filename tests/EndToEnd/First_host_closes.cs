using EmailService.Smtp;

namespace EmailService.EndToEnd;

public sealed class First_host_closes(Scenario scenario) : IClassFixture<Scenario>
{
    [Theory]
    [InlineData(SmtpStage.Connect)]
    [InlineData(SmtpStage.Greeting)]
    [InlineData(SmtpStage.Hello)]
    [InlineData(SmtpStage.MailFrom)]
    [InlineData(SmtpStage.RcptTo)]
    [InlineData(SmtpStage.Data)]
    public async Task The_second_host_takes_over(SmtpStage stage)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities.Remove("CHUNKING");
        hosts.First.Close(stage);

        await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Empty(hosts.First.Messages);
    }

    [Theory]
    [InlineData(SmtpStage.Hello, "ehlo")]
    [InlineData(SmtpStage.MailFrom, "mail")]
    [InlineData(SmtpStage.RcptTo, "rcpt")]
    [InlineData(SmtpStage.Data, "data")]
    [InlineData(SmtpStage.EndOfData, "end of data")]
    public async Task The_second_host_takes_over_after_421(SmtpStage stage, string name)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities.Remove("CHUNKING");
        hosts.First.Reply(stage, "421 4.3.2 Closing");

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        Assert.Equal((name, "421 4.3.2 Closing"), (step.Stage, step.Reply));
    }

    [Theory]
    [InlineData(SmtpStage.MailFrom)]
    [InlineData(SmtpStage.RcptTo)]
    public async Task A_421_in_the_middle_of_a_pipelined_group_answers_all_of_it(SmtpStage stage)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities.Remove("CHUNKING");
        hosts.First.Reply(stage, "421 4.3.2 Closing");

        var step = await scenario.SecondHostTakesOverAsync(hosts);

        // MAIL, RCPT and DATA went out together, before the 421 came.
        var transcript = step.Transcript!;
        Assert.InRange(transcript.IndexOf("DATA", StringComparison.Ordinal), 0, transcript.IndexOf("421 4.3.2", StringComparison.Ordinal));
        Assert.Empty(hosts.First.Messages);
        Assert.Equal(1, hosts.First.ConnectionCount);
    }
}
