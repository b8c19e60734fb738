using EmailService.Accounts;
using EmailService.Mime.Dkim;
using EmailService.Notify;
using EmailService.Platform;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.Tests.Accounts;

/// <summary>An account has so many keys, domains and webhooks and no more, also when two callers take the last place at once.</summary>
public sealed class Limits_of_an_account_hold : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private ApiKeys keys = null!;
    private SendingDomains domains = null!;
    private int account;
    private int stranger;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        keys = new ApiKeys(database.DataSource, time);
        domains = new SendingDomains(database.DataSource, new DeliveryMode(Live: false), time);
        var accounts = new AccountStore(database.DataSource);
        account = await accounts.GetOrAddAsync("default", default);
        stranger = await accounts.GetOrAddAsync("stranger", default);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Keys_that_work_count_and_those_that_were_revoked_do_not()
    {
        await AddKeysAsync(ApiKeys.MostOfAccount - 1, revoked: false);
        await AddKeysAsync(50, revoked: true);

        Assert.NotNull(await keys.CreateIfRoomAsync(account, "last", false, default));
        Assert.Null(await keys.CreateIfRoomAsync(account, "too many", false, default));
        // The operator's command line and other accounts are not held up.
        Assert.NotNull(await keys.CreateAsync(account, "by hand", default));
        Assert.NotNull(await keys.CreateIfRoomAsync(stranger, "theirs", false, default));
        await keys.RevokeAsync(account, "k1", operators: false, default);
        await keys.RevokeAsync(account, "k2", operators: false, default);
        Assert.NotNull(await keys.CreateIfRoomAsync(account, "again", false, default));
    }

    [Fact]
    public async Task As_many_domains_as_may_be_are_listed_and_one_more_is_refused()
    {
        await AddDomainsAsync(DomainStore.MostOfAccount - 1);

        Assert.NotNull(await domains.AddAsync(account, "last.example", verified: false, default));
        Assert.Equal(DomainStore.MostOfAccount, (await domains.ListAsync(account, default)).Count);
        await Assert.ThrowsAsync<TooManyDomainsException>(() => domains.AddAsync(account, "more.example", verified: false, default));
        Assert.Null(await domains.AddAsync(account, "d1.example", verified: false, default));
        Assert.NotNull(await domains.AddAsync(stranger, "theirs.example", verified: false, default));
        Assert.True(await domains.RemoveAsync(account, "d1.example", default));
        Assert.NotNull(await domains.AddAsync(account, "more.example", verified: false, default));
    }

    [Fact]
    public async Task The_last_key_is_made_once()
    {
        await AddKeysAsync(ApiKeys.MostOfAccount - 1, revoked: false);

        Assert.Null(await BehindAsync(
            $"INSERT INTO api_keys (id, account_id, name, secret_hash, created_at) VALUES ('first', {account}, 'first', 'x', now())",
            () => keys.CreateIfRoomAsync(account, "second", false, default)));
    }

    [Fact]
    public async Task The_last_domain_is_added_once()
    {
        await AddDomainsAsync(DomainStore.MostOfAccount - 1);

        await Assert.ThrowsAsync<TooManyDomainsException>(() => BehindAsync(
            $"INSERT INTO domains (account_id, name, state, dkim_selector, dkim_private_key, return_path, created_at) VALUES ({account}, 'first.example', 'pending', 's', 'x', 'b', now())",
            () => domains.AddAsync(account, "second.example", verified: false, default)));
    }

    [Fact]
    public async Task The_last_webhook_is_added_once()
    {
        var webhooks = new WebhookStore(database.DataSource, new NotifyOptions { MaxPerAccount = 1 }, time);

        Assert.Null(await BehindAsync(
            $"""
            INSERT INTO webhooks (account_id, url, enabled, kinds, private_key, public_key, created_at, cursor_xact, cursor_id)
            VALUES ({account}, 'https://first.example/', true, array['delivered'], 'x', 'x', now(), '1', 0)
            """,
            () => webhooks.AddAsync(account, "https://second.example/", WebhookStore.DefaultKinds, true, default)));
    }

    /// <summary>What a caller gets who comes while another has taken the last place and has not committed yet.</summary>
    private async Task<T> BehindAsync<T>(string takeLast, Func<Task<T>> second)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var first = await connection.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"SELECT FROM accounts WHERE id = {account} FOR NO KEY UPDATE; {takeLast}", connection, first))
        {
            await command.ExecuteNonQueryAsync();
        }

        var coming = second();
        await Wait.UntilAsync(
            async () => coming.IsCompleted || await IsSomebodyWaitingAsync(),
            "the second waits for the first");
        await first.CommitAsync();
        return await coming;
    }

    private async Task<bool> IsSomebodyWaitingAsync()
    {
        await using var command = database.DataSource.CreateCommand("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')");
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private Task AddKeysAsync(int count, bool revoked) => ExecuteAsync($"""
        INSERT INTO api_keys (id, account_id, name, secret_hash, created_at, revoked_at)
        SELECT '{(revoked ? "r" : "k")}' || n, {account}, 'key', 'x', now(), {(revoked ? "now()" : "NULL")} FROM generate_series(1, {count}) AS n
        """);

    private async Task AddDomainsAsync(int count)
    {
        using var key = DkimKey.Generate(DkimAlgorithm.RsaSha256);
        await ExecuteAsync($"""
            INSERT INTO domains (account_id, name, state, dkim_selector, dkim_private_key, return_path, created_at)
            SELECT {account}, 'd' || n || '.example', 'pending', 's', $1, 'bounces.d' || n || '.example', now() FROM generate_series(1, {count}) AS n
            """, key.ExportPkcs8());
    }

    private async Task ExecuteAsync(string sql, params byte[][] values)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync();
    }
}
