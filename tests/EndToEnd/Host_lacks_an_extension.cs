using System.Text;
using EmailService.Accept;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>What a message needs of a host is asked of it, and no more; a host that does not offer it is passed over, and a message that none can take bounces.</summary>
public sealed class Host_lacks_an_extension(Scenario scenario) : IClassFixture<Scenario>
{
    private TestService Service => scenario.Service;

    [Fact]
    public async Task Text_in_any_script_needs_nothing_of_the_host()
    {
        await using var able = Service.AddMx("able.test");
        await using var bare = Service.AddMx("bare.test");
        bare.Capabilities.Clear();
        bare.Reply(SmtpStage.Hello, "502 5.5.1 What is EHLO?", times: 1);

        foreach (var mx in new[] { able, bare })
        {
            var request = TestService.Request($"anna@{(mx == able ? "able" : "bare")}.test");
            request = request with
            {
                Content = request.Content with
                {
                    From = request.Content.From with { Name = "Loja São João" },
                    Subject = "注文 🎉",
                    Bodies = [new MessageBody("text/plain", "Grüße, 漢字\n")],
                    Headers = new Dictionary<string, string> { ["X-Strasse"] = "Weg №1" },
                },
            };
            await Service.WaitForEventAsync(await SendAsync(request), "delivered");

            var message = Assert.Single(mx.Messages);
            Assert.True(Ascii.IsValid(message.Data));
            Assert.DoesNotContain("SMTPUTF8", message.Mail, StringComparison.Ordinal);
            Assert.DoesNotContain("BODY=", message.Mail, StringComparison.Ordinal);
        }

        // One that says HELO has no extensions to ask for.
        Assert.Contains(bare.Commands, c => c.StartsWith("HELO ", StringComparison.Ordinal));
        Assert.DoesNotContain("SIZE=", bare.Messages[0].Mail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_local_part_in_another_script_goes_to_the_host_that_offers_SMTPUTF8()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities.Remove("SMTPUTF8");

        var step = await TakenOverAsync(hosts, "用户@" + hosts.Domain);

        Assert.Equal(("rcpt", "553 5.6.7"), (step.Stage, step.Reply[..9]));
        Assert.DoesNotContain(hosts.First.Commands, c => c.StartsWith("MAIL", StringComparison.Ordinal));
        Assert.EndsWith(" BODY=8BITMIME SMTPUTF8", hosts.Second.Messages[0].Mail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_local_part_in_another_script_that_only_the_envelope_shows_needs_no_8BITMIME()
    {
        await using var mx = Service.AddMx("hidden.test");
        var request = TestService.Request("anna@hidden.test");
        var personalization = request.Messages[0].Personalization with { Bcc = [new MailAddress("用户@hidden.test")] };
        request = request with { Messages = [request.Messages[0] with { Personalization = personalization }] };

        await Service.WaitForEventAsync(await SendAsync(request), "delivered", times: 2);

        Assert.Equal([false, true], mx.Messages.OrderBy(m => m.ForwardPaths[0], StringComparer.Ordinal).Select(m => m.Mail.EndsWith(" SMTPUTF8", StringComparison.Ordinal)));
        Assert.All(mx.Messages, m => Assert.DoesNotContain("8BITMIME", m.Mail, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_address_in_the_header_that_no_host_can_be_shown_bounces_with_5_6_9()
    {
        await using var hosts = scenario.AddDomain();
        await using var other = Service.AddMx("other.test");
        hosts.First.Capabilities.Remove("SMTPUTF8");
        hosts.Second.Capabilities.Remove("SMTPUTF8");

        var id = await Service.AcceptAsync($"anna@{hosts.Domain}, 用户@other.test");

        await Service.WaitForEventAsync(id, "delivered");
        await Service.WaitForEventAsync(id, "bounced");
        Assert.Equal("5.6.9", await Service.DetailAsync(id, "bounced", "status"));
        Assert.Equal("message", await Service.DetailAsync(id, "bounced", "scope"));
        Assert.Equal((1, 1), (hosts.First.ConnectionCount, hosts.Second.ConnectionCount));
    }

    [Fact]
    public async Task It_waits_while_a_host_that_might_take_it_cannot_be_asked()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.RefuseConnections();
        hosts.Second.Capabilities.Remove("SMTPUTF8");

        await scenario.DefersAsync(await Service.AcceptAsync("用户@" + hosts.Domain), "4.4.1", "message");
    }

    [Fact]
    public async Task A_message_above_SIZE_goes_to_the_host_that_takes_it_and_the_other_is_not_sent_MAIL()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities[1] = "SIZE 500";

        var step = await TakenOverAsync(hosts, "anna@" + hosts.Domain);

        Assert.Equal(("mail", "552 5.3.4"), (step.Stage, step.Reply[..9]));
        Assert.DoesNotContain(hosts.First.Commands, c => c.StartsWith("MAIL", StringComparison.Ordinal));
        Assert.Contains($" SIZE={hosts.Second.Messages[0].Data.Length}", hosts.Second.Messages[0].Mail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_above_the_SIZE_of_every_host_bounces()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Capabilities[1] = "SIZE 500";
        hosts.Second.Capabilities[1] = "SIZE 500";

        await scenario.BouncesAsync(await Service.AcceptAsync("anna@" + hosts.Domain), "5.3.4", "message");
    }

    private async Task<Step> TakenOverAsync(TwoHosts hosts, string address)
    {
        var id = await Service.AcceptAsync(address);
        await Service.WaitForEventAsync(id, "delivered");
        Assert.Single(hosts.Second.Messages);
        var steps = await Service.StepsAsync(id);
        Assert.Equal(["bounced", "delivered"], steps.Select(s => s.Disposition));
        return steps[0];
    }

    private async Task<MessageId> SendAsync(SendRequest request) =>
        ((AcceptResult.Accepted)await Service.Get<AcceptWorker>().AcceptAsync(1, request, null, TestContext.Current.CancellationToken)).RequestId;
}
