using EmailService.Smtp;

namespace EmailService.EndToEnd;

public sealed class Host_refuses_for_good(Scenario scenario) : IClassFixture<Scenario>
{
    [Theory]
    [InlineData(SmtpStage.MailFrom, "550 5.7.1 Sender refused", "5.7.1", "message")]
    [InlineData(SmtpStage.RcptTo, "550 5.1.1 No such user", "5.1.1", "recipient")]
    [InlineData(SmtpStage.Data, "554 5.7.1 No", "5.7.1", "message")]
    [InlineData(SmtpStage.EndOfData, "554 5.6.0 Looks like spam", "5.6.0", "message")]
    public async Task The_recipient_bounces_at_once_and_no_other_host_is_asked(SmtpStage stage, string reply, string status, string scope)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities.Remove("CHUNKING");
        hosts.First.Reply(stage, reply);

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.BouncesAsync(id, status, scope);
        Assert.Equal(reply, await scenario.Service.DetailAsync(id, "bounced", "reply"));
        Assert.Equal(0, hosts.Second.ConnectionCount);
    }

    [Fact]
    public async Task One_recipient_that_is_refused_does_not_touch_the_others_of_the_message()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.ReplyTo("gone@" + hosts.Domain, "550 5.1.1 No such user");

        var id = await scenario.Service.AcceptAsync($"gone@{hosts.Domain}, anna@{hosts.Domain}, bert@{hosts.Domain}");

        await scenario.Service.WaitForEventAsync(id, "delivered", 2);
        await scenario.Service.WaitForEventAsync(id, "bounced");
        Assert.Equal(2, hosts.First.Messages.Count);
    }

    [Fact]
    public async Task A_reply_with_octets_that_no_text_may_have_is_stored_all_the_same()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.RcptTo, "550 5.1.1 No\0such \u0001 user \t\u007f");

        var id = await scenario.Service.AcceptAsync("anna@" + hosts.Domain);

        await scenario.BouncesAsync(id, "5.1.1", "recipient");
        var step = Assert.Single(await scenario.Service.StepsAsync(id));
        Assert.StartsWith("550 5.1.1 No", step.Reply, StringComparison.Ordinal);
        Assert.Contains("550 5.1.1 No", step.Transcript, StringComparison.Ordinal);
    }
}
