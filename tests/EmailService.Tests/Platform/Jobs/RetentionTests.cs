using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.TestKit;

namespace EmailService.Tests.Platform.Jobs;

public sealed class RetentionTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        // The days from 2026-10-01 to 2026-10-07 and those around today.
        await database.ScalarAsync("SELECT ensure_daily_partitions('2026-10-02 12:00Z', 5); SELECT ensure_daily_partitions('2026-11-21 12:00Z', 1)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Drops_days_that_nobody_needs_and_says_why_others_stay()
    {
        await database.ScalarAsync($"""
            INSERT INTO accounts (name) VALUES ('a');
            INSERT INTO outbox (message_id, n, account_id, address, lane, state, due_at, expires_at)
                VALUES ({Id("2026-10-02")}, 0, 1, 'a@b.test', 'b.test', 'queued', now(), now());
            INSERT INTO idempotency_keys VALUES (1, 'k', '', {Id("2026-10-03")}, '', '2026-10-03 10:00Z');
            {Event("2026-10-04", "delivered")};
            {Event("2026-10-05", "delivered")};
            {Event("2026-10-06", "processed")};
            {Event("2026-10-06", "delivered", account: 2)};
            INSERT INTO webhooks (account_id, url, kinds, private_key, public_key, cursor_xact, cursor_id)
                SELECT 1, 'https://a.test', ARRAY['delivered'], '', '', xact, id FROM events ORDER BY xact, id LIMIT 1;
            INSERT INTO webhooks (account_id, url, kinds, private_key, public_key, cursor_xact, cursor_id, enabled)
                VALUES (1, 'https://b.test', ARRAY['delivered'], '', '', '0', 0, false);
            """);

        var result = await Retention().ExecuteAsync(CancellationToken.None);

        Assert.Equal(
            "dropped 20261001, 20261004, 20261006, 20261007; kept 20261002 (mail of it waits), 20261003 (an idempotency key names it), 20261005 (a webhook has not been told all of it)",
            result);
        Assert.Equal(
            "20261002 20261003 20261005 20261120 20261121 20261122",
            await database.ScalarAsync("SELECT string_agg(right(relname, 8), ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^events_[0-9]{8}$'"));
        Assert.Equal("6", await database.ScalarAsync("SELECT count(*)::text FROM pg_class WHERE relname ~ '^messages_[0-9]{8}$'"));
        Assert.StartsWith("nothing dropped; kept 20261002", await Retention().ExecuteAsync(CancellationToken.None), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gives_up_on_a_day_that_is_in_use_and_gets_it_the_next_time()
    {
        await using var reader = await database.DataSource.OpenConnectionAsync();
        await using (var transaction = await reader.BeginTransactionAsync())
        {
            await using var look = reader.CreateCommand();
            look.CommandText = "SELECT count(*) FROM messages_20261001";
            await look.ExecuteScalarAsync();
            Assert.Contains("kept 20261001 (in use, tried again at the next run)", await Retention().ExecuteAsync(CancellationToken.None), StringComparison.Ordinal);
        }

        Assert.Contains("dropped 20261001", await Retention().ExecuteAsync(CancellationToken.None), StringComparison.Ordinal);
    }

    private Retention Retention() => new(database.DataSource, new RetentionOptions(), new ManualTime(Now));

    private static string Id(string day) => $"message_id_floor('{day} 10:00Z')";

    private static string Event(string day, string kind, int account = 1) =>
        $"INSERT INTO events (message_id, n, account_id, kind, at, address) VALUES ({Id(day)}, 0, {account}, '{kind}', now(), 'a@b.test')";
}
