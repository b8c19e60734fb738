using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.Steer;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Address_is_suppressed(Scenario scenario) : IClassFixture<Scenario>
{
    private const string NoUser = "550 5.1.1 No such user here";

    [Fact]
    public async Task It_gets_nothing_while_others_of_the_same_message_are_sent()
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        var (gone, here) = ("Gone@" + hosts.Domain, "here@" + hosts.Domain);
        hosts.First.ReplyTo(gone, NoUser);
        var first = await service.AcceptAsync(gone);
        await service.WaitForEventAsync(first, "bounced");
        hosts.First.ClearScript();

        var second = await service.AcceptAsync($"{gone.ToLowerInvariant()},{here}");

        var kinds = await service.WaitForEventAsync(second, "delivered");
        Assert.Equal(["accepted", "accepted", "suppressed", "processed", "delivered"], kinds);
        Assert.Equal([here], Assert.Single(hosts.First.Messages).ForwardPaths);
        Assert.Equal("suppressed", await service.ScalarAsync<string>($"SELECT state FROM settled WHERE message_id = '{second.Value}' AND n = 0 AND attempts = 0"));

        // The report says why, since when, and what it followed from.
        using var client = await service.NewClientAsync();
        var report = await client.GetFromJsonAsync<JsonElement>($"/v1/messages/{second}?n=0");
        var recipient = report.GetProperty("recipients")[0];
        var detail = recipient.GetProperty("events")[1].GetProperty("detail");
        Assert.Equal(("suppressed", NoUser), (recipient.GetProperty("state").GetString(), recipient.GetProperty("reply").GetString()));
        Assert.Equal(("unknown-user", NoUser), (detail.GetProperty("why").GetString(), detail.GetProperty("reply").GetString()));
        Assert.Equal("Bounced Address", detail.GetProperty("reason").GetString());
        Assert.True(detail.GetProperty("since").GetDateTimeOffset() <= TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task A_message_to_nobody_else_ends_at_once_and_the_hand_is_empty()
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.RcptTo, NoUser);
        await service.WaitForEventAsync(await service.AcceptAsync("a@" + hosts.Domain), "bounced");

        Assert.Equal(["accepted", "suppressed"], await service.EventsAsync(await service.AcceptAsync("a@" + hosts.Domain)));
        await Wait.UntilAsync(() => service.Get<Outbox.Hand>().Count == 0, "nothing is held");
    }

    [Fact]
    public async Task What_was_accepted_before_ends_when_it_is_due()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var later = await service.AcceptAsync("gone@shop.test", sendAt: service.Time!.GetUtcNow().AddHours(2));
        mx.Reply(SmtpStage.RcptTo, NoUser, times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync("gone@shop.test"), "bounced");

        await service.MoveToNextAttemptAsync(later);

        Assert.Equal(["accepted", "suppressed"], await service.WaitForEventAsync(later, "suppressed"));
        Assert.Equal("unknown-user", await service.DetailAsync(later, "suppressed", "why"));
        Assert.Empty(mx.Messages);
    }

    [Fact]
    public async Task What_a_suspension_kept_back_until_its_time_was_over_is_told_as_suppressed_too()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var later = await service.AcceptAsync("gone@shop.test", sendAt: service.Time!.GetUtcNow().AddHours(2));
        mx.Reply(SmtpStage.RcptTo, NoUser, times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync("gone@shop.test"), "bounced");
        await service.Get<Steering>().ImposeAsync(
            new OverlayWish(OverlayKind.Suspend, new OverlayScope("mx:mx10.shop.test"), service.Time.GetUtcNow().AddDays(20)), CancellationToken.None);

        service.Time.Advance(TimeSpan.FromDays(10));

        Assert.Equal(["accepted", "suppressed"], await service.WaitForEventAsync(later, "suppressed"));
        Assert.Empty(mx.Messages);
    }

    [Theory]
    [InlineData("bypass_list_management", true)]
    [InlineData("bypass_bounce_management", true)]
    [InlineData("bypass_spam_management", false)]
    [InlineData("bypass_unsubscribe_management", false)]
    public async Task A_request_that_bypasses_the_list_is_sent_and_says_so(string setting, bool isSent)
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        var gone = "gone@" + hosts.Domain;
        hosts.First.Reply(SmtpStage.RcptTo, NoUser, times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync(gone), "bounced");

        var id = await PostAsync(service, gone, setting);

        Assert.Equal(isSent ? ["accepted", "processed", "delivered"] : ["accepted", "suppressed"], await service.WaitForEventAsync(id, isSent ? "delivered" : "suppressed"));
        using var client = await service.NewClientAsync();
        var report = await client.GetFromJsonAsync<JsonElement>($"/v1/messages/{id}?n=0");
        var accepted = report.GetProperty("recipients")[0].GetProperty("events")[0].GetProperty("detail");
        Assert.Equal(isSent ? "Bounced Address" : null, isSent ? accepted.GetProperty("bypassed").GetString() : accepted.GetString());
        Assert.Equal(isSent ? 1 : 0, hosts.First.Messages.Count);

        // For all other mail the address stays where it is.
        Assert.Equal(["accepted", "suppressed"], await service.EventsAsync(await service.AcceptAsync(gone)));
    }

    [Fact]
    public async Task A_request_that_bypasses_the_list_says_nothing_of_addresses_that_are_not_on_it()
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();

        var id = await PostAsync(service, "here@" + hosts.Domain, "bypass_list_management");

        await service.WaitForEventAsync(id, "delivered");
        Assert.Equal(1, await service.ScalarAsync<long>($"SELECT count(*) FROM events WHERE message_id = '{id.Value}' AND kind = 'accepted' AND detail IS NULL"));
    }

    [Fact]
    public async Task An_address_that_is_suppressed_while_a_bypassing_message_waits_gets_it_when_it_is_due()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var at = service.Time!.GetUtcNow().AddHours(2);
        var bypassing = await PostAsync(service, "gone@shop.test", "bypass_bounce_management", at);
        var other = await PostAsync(service, "gone@shop.test", "bypass_spam_management", at);
        mx.Reply(SmtpStage.RcptTo, NoUser, times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync("gone@shop.test"), "bounced");

        await service.MoveToNextAttemptAsync(bypassing);

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(bypassing, "delivered"));
        Assert.Equal(["accepted", "suppressed"], await service.WaitForEventAsync(other, "suppressed"));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task A_deferred_message_that_bypasses_the_list_is_tried_again()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, NoUser, times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync("gone@shop.test"), "bounced");
        mx.Reply(SmtpStage.RcptTo, "451 4.2.0 Later", times: 1);
        var id = await PostAsync(service, "gone@shop.test", "bypass_list_management");
        await service.WaitForEventAsync(id, "deferred");

        await service.MoveToNextAttemptAsync(id);

        Assert.Equal("delivered", (await service.WaitForEventAsync(id, "delivered"))[^1]);
    }

    private static async Task<MessageId> PostAsync(TestService service, string to, string setting, DateTimeOffset? sendAt = null)
    {
        using var client = await service.NewClientAsync();
        using var answer = await client.PostAsJsonAsync("/v1/send", new
        {
            from = "shop@sender.test",
            to,
            subject = "S",
            text = "T",
            send_at = sendAt?.ToUnixTimeSeconds(),
            mail_settings = new Dictionary<string, object> { [setting] = new { enable = true } },
        });
        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, await answer.Content.ReadAsStringAsync());
        Assert.True(MessageId.TryParse(answer.Headers.GetValues("X-Message-Id").Single(), out var id));
        return id;
    }

    [Theory]
    [InlineData(SmtpStage.RcptTo, "550 5.7.1 Blocked", "a full refusal of policy")]
    [InlineData(SmtpStage.RcptTo, "552 5.2.2 Mailbox full", "a full mailbox")]
    [InlineData(SmtpStage.RcptTo, "550 5.2.1 Mailbox disabled", "a disabled mailbox")]
    [InlineData(SmtpStage.RcptTo, "550 Rejected", "a code alone")]
    [InlineData(SmtpStage.MailFrom, "550 User unknown", "our own sender")]
    public async Task Nothing_but_the_address_suppresses_it(SmtpStage stage, string reply, string because)
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(stage, reply, times: 1);
        await service.WaitForEventAsync(await service.AcceptAsync("a@" + hosts.Domain), "bounced");

        var kinds = await service.WaitForEventAsync(await service.AcceptAsync("a@" + hosts.Domain), "delivered");

        Assert.True(kinds[^1] == "delivered", because);
    }

    [Fact]
    public async Task An_address_that_took_mail_is_suppressed_by_the_second_refusal_a_day_later()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        mx.Behave(SmtpStage.RcptTo, 1);
        mx.Reply(SmtpStage.RcptTo, NoUser);
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        // A host without its list of users: an hour of refusals says no more than one.
        foreach (var wait in new[] { TimeSpan.FromMinutes(1), TimeSpan.FromHours(1), TimeSpan.FromHours(23) })
        {
            service.Time!.Advance(wait);
            await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "bounced");
        }

        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM suppressions WHERE since IS NOT NULL"));
        Assert.Equal(["accepted", "suppressed"], await service.EventsAsync(await service.AcceptAsync("anna@shop.test")));
    }

    [Fact]
    public async Task A_delivery_between_two_refusals_begins_the_count_anew()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        foreach (var (reply, kind) in new[] { (null, "delivered"), (NoUser, "bounced"), (null, "delivered"), (NoUser, "bounced") })
        {
            if (reply is not null)
            {
                mx.Reply(SmtpStage.RcptTo, reply, times: 1);
            }

            await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), kind);
            service.Time!.Advance(TimeSpan.FromHours(30));
        }

        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM suppressions WHERE since IS NOT NULL"));
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM suppressions"));
    }

    [Fact]
    public async Task Many_refusals_of_one_domain_are_not_believed()
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.RcptTo, NoUser);
        for (var i = 0; i < 15; i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"a{i}@{hosts.Domain}"), "bounced");
        }

        Assert.Equal(10, await service.ScalarAsync<long>($"SELECT count(*) FROM suppressions WHERE address LIKE '%@{hosts.Domain}'"));
    }

    [Fact]
    public async Task The_list_can_be_read_in_pages_and_an_address_taken_from_it()
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        hosts.First.Reply(SmtpStage.RcptTo, NoUser, times: 3);
        for (var i = 0; i < 3; i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"p{i}@{hosts.Domain}"), "bounced");
        }

        using var client = await service.NewClientAsync();
        var found = new List<string>();
        var after = "p";
        while (found.Count < 3)
        {
            var page = await client.GetFromJsonAsync<JsonElement>($"/v1/suppressions?limit=2&after={after}");
            found.AddRange(page.GetProperty("suppressions").EnumerateArray().Select(s => s.GetProperty("email").GetString()!).Where(e => e.EndsWith(hosts.Domain, StringComparison.Ordinal)));
            after = page.GetProperty("next").GetString();
            Assert.True(after is not null || found.Count == 3);
        }

        Assert.Equal([$"p0@{hosts.Domain}", $"p1@{hosts.Domain}", $"p2@{hosts.Domain}"], found);

        using var removed = await client.DeleteAsync(new Uri($"/v1/suppressions/P1@{hosts.Domain}", UriKind.Relative));
        using var again = await client.DeleteAsync(new Uri($"/v1/suppressions/p1@{hosts.Domain}", UriKind.Relative));
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (removed.StatusCode, again.StatusCode));
        await service.WaitForEventAsync(await service.AcceptAsync($"p1@{hosts.Domain}"), "delivered");

        using var wrong = await client.GetAsync(new Uri("/v1/suppressions?limit=0", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
    }
}
