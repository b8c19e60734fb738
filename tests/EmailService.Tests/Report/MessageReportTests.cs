using System.Net.Http.Headers;
using System.Text.Json;

namespace EmailService.Tests.Report;

public sealed class MessageReportTests : IAsyncLifetime
{
    private ReportWorld world = null!;

    public async ValueTask InitializeAsync() => world = await ReportWorld.CreateAsync();

    public ValueTask DisposeAsync() => world.DisposeAsync();

    [Fact]
    public async Task A_message_is_told_with_its_recipients_attempts_and_events()
    {
        var id = await world.AddMessageAsync(["a@example.org", "b@example.org"], cc: ["c@example.org"], bcc: ["d@example.org"]);
        await world.AddSettledAsync(id, 0, "a@example.org", "delivered", "250 2.0.0 ok");
        await world.AddSettledAsync(id, 1, "b@example.org", "bounced", "550 5.1.1 no such user");
        await world.AddQueuedAsync(id, 2, "c@example.org", ReportWorld.Now.AddMinutes(5), attempts: 2, lastReply: "451 4.7.1 later");
        await world.AddQueuedAsync(id, 3, "d@example.org", ReportWorld.Now);
        await world.ExecuteAsync("""
            INSERT INTO attempts (message_id, n, attempt, step, started_at, duration_ms, disposition, scope, stage, mail_host, remote, reply, tls, transcript)
            VALUES ($1, 2, 1, 0, now(), 12, 'deferred', 'host', 'rcpt', 'mx.example.org', '192.0.2.1:25', '451 4.7.1 later', 'Tls13 AES', 'S: 220 hi')
            """, id.Value);
        await world.AddEventAsync(id, 0, "accepted");
        await world.AddEventAsync(id, 0, "delivered");

        var report = await world.GetAsync($"/v1/messages/{id}");

        Assert.Equal("shop@example.com", report.GetProperty("from").GetString());
        Assert.Equal("1", report.GetProperty("custom_args").GetProperty("order").GetString());
        Assert.Equal("receipts", report.GetProperty("categories")[0].GetString());
        Assert.Equal(1234, report.GetProperty("size").GetInt32());
        var recipients = report.GetProperty("recipients").EnumerateArray().ToList();
        Assert.Equal(["to", "to", "cc", "bcc"], recipients.Select(r => r.GetProperty("kind").GetString()));
        Assert.Equal(["delivered", "bounced", "deferred", "queued"], recipients.Select(r => r.GetProperty("state").GetString()));
        Assert.Equal(["accepted", "delivered"], recipients[0].GetProperty("events").EnumerateArray().Select(e => e.GetProperty("kind").GetString()));
        Assert.Equal(JsonValueKind.Null, recipients[0].GetProperty("why").ValueKind);
        var attempt = Assert.Single(recipients[2].GetProperty("attempts").EnumerateArray());
        Assert.Equal("mx.example.org", attempt.GetProperty("mail_host").GetString());
        Assert.Equal("S: 220 hi", attempt.GetProperty("transcript").GetString());
        var why = recipients[2].GetProperty("why");
        Assert.Contains("tried 2 times; the last reply was \"451 4.7.1 later\"", why.GetProperty("sentence").GetString(), StringComparison.Ordinal);
        Assert.Equal("lane-a", why.GetProperty("lane").GetString());
    }

    [Fact]
    public async Task The_form_of_webhooks_names_the_same_message()
    {
        var id = (await world.AddMessageAsync(["a@example.org"])).ToString();

        var report = await world.GetAsync($"/v1/messages/{id}.0.0");

        Assert.Equal(id, report.GetProperty("id").GetString());
    }

    [Fact]
    public async Task What_waits_says_how_many_of_its_account_are_before_it_and_that_nobody_delivers()
    {
        var now = ReportWorld.Now;
        var account = world.AccountId + 1;
        await world.AddQueuedAsync(await world.AddMessageAsync(["c@example.org"], account: account), 0, "c@example.org", now.AddMinutes(-3), account: account);
        var first = await world.AddMessageAsync(["a@example.org"]);
        await world.AddQueuedAsync(first, 0, "a@example.org", now.AddMinutes(-2));
        var other = await world.AddMessageAsync(["a@example.com"]);
        await world.AddQueuedAsync(other, 0, "a@example.com", now.AddMinutes(-2), lane: "lane-b");
        var second = await world.AddMessageAsync(["b@example.org"]);
        await world.AddQueuedAsync(second, 0, "b@example.org", now.AddMinutes(-1));

        var why = await WhyAsync(second);
        Assert.Equal(1, why.GetProperty("ahead").GetInt32());
        Assert.Contains("no live process has the role deliver", why.GetProperty("sentence").GetString(), StringComparison.Ordinal);

        await world.ExecuteAsync("INSERT INTO nodes (host, process_id, roles) VALUES ('box', 7, ARRAY['Api', 'Deliver'])");
        why = await WhyAsync(second);
        Assert.Contains("one recipient of the account in the lane lane-a is before it", why.GetProperty("sentence").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_in_hand_names_its_holder()
    {
        var node = (long)(await world.ScalarAsync("INSERT INTO nodes (host, process_id, roles) VALUES ('box', 7, ARRAY['Deliver']) RETURNING id"))!;
        var id = await world.AddMessageAsync(["a@example.org"]);
        await world.AddQueuedAsync(id, 0, "a@example.org", ReportWorld.Now);
        await world.ExecuteAsync("UPDATE outbox SET state = 'leased', attempts = 1, node_id = $2, leased_until = now() + interval '1 h' WHERE message_id = $1", id.Value, node);

        var why = await WhyAsync(id);
        Assert.Equal("box", why.GetProperty("held_by").GetProperty("host").GetString());
        Assert.Equal("box (process 7) holds it for attempt 1.", why.GetProperty("sentence").GetString());

        await world.ExecuteAsync("UPDATE nodes SET heartbeat_at = now() - interval '1 h' WHERE id = $1", node);
        why = await WhyAsync(id);
        Assert.Contains("held it and is gone", why.GetProperty("sentence").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_for_later_is_scheduled()
    {
        var at = ReportWorld.Now.AddHours(3);
        var id = await world.AddMessageAsync(["a@example.org"], sendAt: at);
        await world.AddQueuedAsync(id, 0, "a@example.org", at);

        var recipient = (await world.GetAsync($"/v1/messages/{id}")).GetProperty("recipients")[0];

        Assert.Equal("scheduled", recipient.GetProperty("state").GetString());
        Assert.StartsWith("The sender asked for it to be sent at", recipient.GetProperty("why").GetProperty("sentence").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_recipient_can_be_asked_for_alone()
    {
        var id = await world.AddMessageAsync(["a@example.org", "b@example.org"]);
        await world.AddSettledAsync(id, 0, "a@example.org", "delivered");
        await world.AddSettledAsync(id, 1, "b@example.org", "delivered");

        var report = await world.GetAsync($"/v1/messages/{id}?n=1");

        Assert.Equal("b@example.org", Assert.Single(report.GetProperty("recipients").EnumerateArray()).GetProperty("email").GetString());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAA.1024.0")]
    public async Task What_is_no_message_is_404(string id)
    {
        var (status, errors) = await world.RefusedAsync($"/v1/messages/{id}");

        Assert.Equal(404, status);
        Assert.Equal("There is no such message.", errors[0].GetProperty("message").GetString());
    }

    [Fact]
    public async Task The_message_of_another_account_is_404()
    {
        var id = await world.AddMessageAsync(["a@example.org"]);
        await world.AddSettledAsync(id, 0, "a@example.org", "delivered");
        var (_, key) = await world.AddAccountAsync("second");
        world.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

        Assert.Equal(404, (await world.RefusedAsync($"/v1/messages/{id}")).Status);
    }

    [Fact]
    public async Task Without_a_key_it_is_401()
    {
        world.Http.DefaultRequestHeaders.Authorization = null;

        Assert.Equal(401, (await world.RefusedAsync("/v1/messages")).Status);
    }

    private async Task<JsonElement> WhyAsync(EmailService.Messages.MessageId id) =>
        (await world.GetAsync($"/v1/messages/{id}")).GetProperty("recipients")[0].GetProperty("why");
}
