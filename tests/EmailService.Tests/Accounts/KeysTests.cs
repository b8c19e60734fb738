using EmailService.Accounts;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Accounts;

public sealed class KeysTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private ApiKeys keys = null!;
    private int account;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        keys = new ApiKeys(database.DataSource, time);
        account = await new AccountStore(database.DataSource).GetOrAddAsync("default", default);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task Every_key_is_on_some_page_the_newest_on_the_first(int limit)
    {
        // Half of them made in the same moment.
        await ExecuteAsync($"""
            INSERT INTO api_keys (id, account_id, name, secret_hash, created_at)
            SELECT 'k' || n, {account}, 'key', 'x', timestamptz '2029-01-01' + least(n, 10) * interval '1 second' FROM generate_series(1, {(limit == 1 ? 20 : 1001)}) AS n
            """);
        var newest = await keys.CreateAsync(account, "newest", default);
        await keys.CreateAsync(await new AccountStore(database.DataSource).GetOrAddAsync("stranger", default), "theirs", default);

        var seen = new List<ApiKeyInfo>();
        IReadOnlyList<ApiKeyInfo> page;
        while ((page = await keys.ListAsync(account, seen.Count > 0 ? seen[^1].Id : null, limit, default)).Count > 0)
        {
            seen.AddRange(page);
        }

        Assert.Equal(newest.Id, seen[0].Id);
        Assert.Equal(limit == 1 ? 21 : 1002, seen.DistinctBy(key => key.Id).Count());
        Assert.Equal(seen.OrderByDescending(key => key.CreatedAt).Select(key => key.CreatedAt), seen.Select(key => key.CreatedAt));
    }

    [Fact]
    public async Task A_key_that_is_used_all_the_time_is_written_once_a_minute()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        await UseAsync(keys, made, 1000);
        Assert.Null(await StoredUseAsync(made));
        var start = time.GetUtcNow();
        Assert.Equal(start, (await keys.ListAsync(account, null, 1, default))[0].LastUsedAt);

        await keys.StoreUsesAsync(default);
        Assert.Equal(start, await StoredUseAsync(made));
        var version = await ScalarAsync<string>($"SELECT xmin::text FROM api_keys WHERE id = '{made.Id}'");

        time.Advance(TimeSpan.FromSeconds(59));
        await UseAsync(keys, made, 1000);
        await keys.StoreUsesAsync(default);
        Assert.Equal(version, await ScalarAsync<string>($"SELECT xmin::text FROM api_keys WHERE id = '{made.Id}'"));

        time.Advance(TimeSpan.FromSeconds(1));
        await UseAsync(keys, made, 1);
        await keys.StoreUsesAsync(default);
        Assert.Equal(start.AddMinutes(1), await StoredUseAsync(made));
    }

    [Fact]
    public async Task The_later_use_stays_whichever_process_stores_last()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        var other = new ApiKeys(database.DataSource, time);
        await UseAsync(other, made, 1);
        time.Advance(TimeSpan.FromMinutes(3));
        await UseAsync(keys, made, 1);

        await keys.StoreUsesAsync(default);
        await other.StoreUsesAsync(default);

        Assert.Equal(time.GetUtcNow(), await StoredUseAsync(made));
        Assert.Equal(time.GetUtcNow(), (await other.ListAsync(account, null, 1, default))[0].LastUsedAt);
    }

    [Fact]
    public async Task Uses_are_stored_each_minute_and_at_the_stop()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        using var writer = new KeyUseWriter(keys, time, NullLogger<KeyUseWriter>.Instance);
        await writer.StartAsync(default);
        await Wait.UntilAsync(() => time.TimerCount > 0, "the writer waits for the next minute");
        await UseAsync(keys, made, 1);
        var first = time.GetUtcNow();

        time.Advance(TimeSpan.FromMinutes(1));
        await Wait.UntilAsync(async () => await StoredUseAsync(made) == first, "the use is stored");
        await UseAsync(keys, made, 1);
        await writer.StopAsync(default);

        Assert.Equal(first.AddMinutes(1), await StoredUseAsync(made));
    }

    [Fact]
    public async Task What_a_database_that_is_away_did_not_store_is_stored_later()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        await UseAsync(keys, made, 1);
        await ExecuteAsync("ALTER TABLE api_keys RENAME TO elsewhere");
        await Assert.ThrowsAnyAsync<Npgsql.NpgsqlException>(() => keys.StoreUsesAsync(default));

        await ExecuteAsync("ALTER TABLE elsewhere RENAME TO api_keys");
        await keys.StoreUsesAsync(default);

        Assert.Equal(time.GetUtcNow(), await StoredUseAsync(made));
    }

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 2)]
    public async Task All_keys_but_one_are_revoked_and_an_operators_only_by_an_operator(bool operators, int revoked)
    {
        var kept = await keys.CreateAsync(account, "kept", default);
        NewApiKey[] ordinary = [await keys.CreateAsync(account, "a", default), await keys.CreateAsync(account, "b", default)];
        var isOperators = await keys.CreateAsync(account, "operator", isOperator: true, default);
        var theirs = await keys.CreateAsync(await new AccountStore(database.DataSource).GetOrAddAsync("stranger", default), "theirs", default);
        await UseAsync(keys, ordinary[0], 1);

        Assert.Equal(revoked, (await keys.RevokeOthersAsync(account, kept.Id, operators, default)).Count);

        Assert.All(ordinary, key => Assert.Null(keys.FindAccountAsync(key.Key, default).AsTask().GetAwaiter().GetResult()));
        Assert.Equal(operators, await keys.FindAccountAsync(isOperators.Key, default) is null);
        Assert.Equal(account, await keys.FindAccountAsync(kept.Key, default));
        Assert.NotNull(await keys.FindAccountAsync(theirs.Key, default));
    }

    [Fact]
    public async Task Nothing_is_revoked_when_the_key_to_keep_does_not_work()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        var revoked = await keys.CreateAsync(account, "old", default);
        await keys.RevokeAsync(account, revoked.Id, operators: false, default);
        var theirs = await keys.CreateAsync(await new AccountStore(database.DataSource).GetOrAddAsync("stranger", default), "theirs", default);

        foreach (var keep in new[] { "misspelt", revoked.Id, theirs.Id })
        {
            Assert.Empty(await keys.RevokeOthersAsync(account, keep, operators: true, default));
        }

        Assert.Equal(account, await keys.FindAccountAsync(made.Key, default));
    }

    [Fact]
    public async Task A_session_lasts_eight_hours()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        var session = KeySession.Issue((await keys.FindAsync(made.Key, default))!, time.GetUtcNow());

        time.Advance(TimeSpan.FromHours(8) - TimeSpan.FromSeconds(1));
        Assert.Equal(account, (await keys.FindSessionAsync(session, default))?.AccountId);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await keys.FindSessionAsync(session, default));
    }

    [Theory]
    [InlineData("quickstart", "later", "quickstart")]
    [InlineData("quickstart", "quickstart", "quickstart")]
    [InlineData("first", "quickstart", null)]
    public async Task An_upgrade_makes_the_key_of_the_first_start_an_operators_and_no_other(string first, string second, string? expected)
    {
        foreach (var (name, n) in new[] { (first, 0), (second, 1) })
        {
            await ExecuteAsync($"INSERT INTO api_keys (id, account_id, name, secret_hash, created_at) VALUES ('{n}', {account}, '{name}', 'x', timestamptz '2029-01-01' + {n} * interval '1 day')");
        }

        var migration = Agreement.Repository.Read("migrations/0012_operator_keys.sql");
        await ExecuteAsync(migration[migration.IndexOf("UPDATE api_keys", StringComparison.Ordinal)..(migration.IndexOf("LIMIT 1);", StringComparison.Ordinal) + 9)]);

        Assert.Equal(expected is null ? [] : ["0"], (await keys.ListAsync(account, null, 10, default)).Where(key => key.Operator).Select(key => key.Id));
    }

    private static async Task UseAsync(ApiKeys keys, NewApiKey key, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.NotNull(await keys.FindAccountAsync(key.Key, default));
        }
    }

    private async Task<DateTimeOffset?> StoredUseAsync(NewApiKey key)
    {
        await using var command = database.DataSource.CreateCommand($"SELECT last_used_at FROM api_keys WHERE id = '{key.Id}'");
        return await command.ExecuteScalarAsync() is DateTime at ? new DateTimeOffset(at, TimeSpan.Zero) : null;
    }

    private async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
