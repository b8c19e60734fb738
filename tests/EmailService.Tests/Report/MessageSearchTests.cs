using System.Net.Http.Headers;
using System.Text;
using EmailService.Report;
using Npgsql;

namespace EmailService.Tests.Report;

public sealed class MessageSearchTests : IAsyncLifetime
{
    private ReportWorld world = null!;

    public async ValueTask InitializeAsync() => world = await ReportWorld.CreateAsync();

    public ValueTask DisposeAsync() => world.DisposeAsync();

    [Fact]
    public async Task A_recipient_is_found_in_any_case_waiting_or_settled_newest_first()
    {
        var old = await world.AddMessageAsync(["Anna@Example.org"], at: ReportWorld.Now.AddHours(-2), subject: "old");
        await world.AddSettledAsync(old, 0, "Anna@Example.org", "delivered", "250 ok");
        var other = await world.AddMessageAsync(["ben@example.org"]);
        await world.AddQueuedAsync(other, 0, "ben@example.org", ReportWorld.Now);
        var recent = await world.AddMessageAsync(["anna@example.org"], subject: "new");
        await world.AddQueuedAsync(recent, 0, "anna@example.org", ReportWorld.Now, attempts: 1);

        Assert.Equal(["new deferred", "old delivered"], await FindAsync("to=ANNA@example.ORG"));
        Assert.Equal(["old delivered"], await FindAsync($"to=anna@example.org&before={ReportWorld.Now.AddHours(-1).ToUnixTimeSeconds()}"));
        Assert.Equal(["new deferred"], await FindAsync($"to=anna@example.org&after={ReportWorld.Now.AddHours(-1):yyyy-MM-ddTHH:mm:ssZ}"));
    }

    [Fact]
    public async Task Each_state_finds_its_own()
    {
        var later = ReportWorld.Now.AddHours(1);
        await AddAsync("queued", null, 0);
        await AddAsync("scheduled", later, 0);
        await AddAsync("deferred", null, 3);
        var leased = await world.AddMessageAsync(["a@example.org"], subject: "leased");
        await world.AddQueuedAsync(leased, 0, "a@example.org", ReportWorld.Now);
        await world.ExecuteAsync("UPDATE outbox SET state = 'leased', node_id = 1, leased_until = now() WHERE message_id = $1", leased.Value);
        foreach (var end in new[] { "delivered", "bounced", "expired", "suppressed", "cancelled" })
        {
            await world.AddSettledAsync(await world.AddMessageAsync(["a@example.org"], subject: end), 0, "a@example.org", end);
        }

        foreach (var state in ReportedState.All)
        {
            Assert.Equal([$"{state} {state}"], await FindAsync($"state={state}"));
            Assert.Equal([$"{state} {state}"], await FindAsync($"state={state}&to=a@example.org"));
        }

        Assert.Equal(ReportedState.All.Count, (await FindAsync("")).Count);

        async Task AddAsync(string subject, DateTimeOffset? sendAt, int attempts)
        {
            var id = await world.AddMessageAsync(["a@example.org"], sendAt: sendAt, subject: subject);
            await world.AddQueuedAsync(id, 0, "a@example.org", sendAt ?? ReportWorld.Now, attempts);
        }
    }

    [Fact]
    public async Task Pages_meet_without_gap_or_repeat()
    {
        for (var i = 0; i < 5; i++)
        {
            var id = await world.AddMessageAsync(["a@example.org", "b@example.org"], at: ReportWorld.Now.AddMinutes(-i), subject: $"{i}");
            await world.AddSettledAsync(id, 0, "a@example.org", "delivered");
            await world.AddQueuedAsync(id, 1, "b@example.org", ReportWorld.Now);
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await world.GetAsync($"/v1/messages?limit=3{(cursor is null ? "" : $"&cursor={cursor}")}");
            seen.AddRange(page.GetProperty("messages").EnumerateArray().Select(m => $"{m.GetProperty("subject").GetString()}.{m.GetProperty("n").GetInt32()}"));
            cursor = page.GetProperty("next").GetString();
        }
        while (cursor is not null);

        Assert.Equal(["0.1", "0.0", "1.1", "1.0", "2.1", "2.0", "3.1", "3.0", "4.1", "4.0"], seen);
    }

    [Fact]
    public async Task Another_account_finds_nothing()
    {
        await world.AddSettledAsync(await world.AddMessageAsync(["a@example.org"]), 0, "a@example.org", "delivered");
        var (_, key) = await world.AddAccountAsync("second");
        world.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

        Assert.Empty(await FindAsync("to=a@example.org"));
    }

    [Fact]
    public async Task All_mistakes_of_a_search_are_named_at_once()
    {
        var (status, errors) = await world.RefusedAsync("/v1/messages?state=sent&limit=0&after=yesterday&cursor=x&recipient=a");

        Assert.Equal(400, status);
        Assert.Equal(["after", "cursor", "limit", "recipient", "state"], errors.EnumerateArray().Select(e => e.GetProperty("field").GetString()).Order());
    }

    [Fact]
    public async Task A_NUL_in_an_address_is_a_mistake_of_the_caller()
    {
        var (status, errors) = await world.RefusedAsync("/v1/messages?to=a%00b@example.org");

        Assert.Equal(400, status);
        Assert.Equal("to", Assert.Single(errors.EnumerateArray()).GetProperty("field").GetString());
    }

    [Fact]
    public async Task The_search_by_recipient_uses_the_indexes_on_the_address()
    {
        await world.ExecuteAsync("SELECT ensure_daily_partitions($1, 3)", ReportWorld.Now);
        await world.ExecuteAsync("""
            INSERT INTO messages (id, account_id, created_at, from_address, subject, recipient_count, size, personalization)
            SELECT ('018f' || lpad(to_hex(i), 28, '0'))::uuid, $1, now(), 'a@example.com', 's', 1, 1, '' FROM generate_series(1, 20000) AS i
            """, world.AccountId);
        await world.ExecuteAsync("""
            INSERT INTO settled SELECT id, 0, account_id, 'user' || row_number() OVER () || '@example.org', 'delivered', now(), 1, null FROM messages
            """);
        await world.ExecuteAsync("""
            INSERT INTO outbox SELECT message_id, 1, account_id, address, 'lane', 'queued', now(), now() FROM settled
            """);
        await world.ExecuteAsync("ANALYZE messages, settled, outbox");

        var query = new MessageQuery { AccountId = world.AccountId, To = "User77@example.org" };
        await using var command = world.Database.CreateCommand("EXPLAIN " + MessageSearchStore.Sql(query));
        command.Parameters.AddRange(new MessageSearchStore(world.Database, TimeProvider.System).Parameters(query));
        var plan = new StringBuilder();
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                plan.AppendLine(reader.GetString(0));
            }
        }

        var text = plan.ToString();
        Assert.Contains("outbox_address", text, StringComparison.Ordinal);
        Assert.Contains("settled_default_lower_idx", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on outbox", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on settled_default", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on messages_default", text, StringComparison.Ordinal);
    }

    private async Task<List<string>> FindAsync(string query) =>
        [.. (await world.GetAsync($"/v1/messages?{query}")).GetProperty("messages").EnumerateArray()
            .Select(m => $"{m.GetProperty("subject").GetString()} {m.GetProperty("state").GetString()}")];
}
