using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.Steer;
using EmailService.TestKit;
using EmailService.Tests.Platform;
using Npgsql;

namespace EmailService.Tests.Steer;

public sealed class LaneStatusStoreTests : IAsyncLifetime
{
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await database.ScalarAsync("""
            INSERT INTO nodes (host, process_id, roles, heartbeat_at) VALUES
                ('one', 1, ARRAY['deliver'], now()), ('silent', 2, ARRAY['deliver'], now() - interval '1 hour')
            """);
        await database.ScalarAsync("""
            INSERT INTO node_status (node_id, at, status) VALUES (1, now(), '{}'), (2, now(), '{}');
            INSERT INTO lane_status (node_id, lane, at, status) VALUES (1, 'a', now(), '{}'), (2, 'a', now(), '{}'), (2, 'b', now(), '{}'), (2, 'c', now(), '{}');
            INSERT INTO lane_wakes (lane, at) VALUES ('a', now() - interval '1 hour'), ('b', now() - interval '1 hour'), ('c', now())
            """);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task What_a_dead_node_said_is_removed_and_what_others_said_stays()
    {
        await StoreOn(database.DataSource).ForgetDeadAsync(1, TestContext.Current.CancellationToken);

        Assert.Equal("1", await LeftAsync("node_id::text", "node_status"));
        Assert.Equal("1a", await LeftAsync("node_id || lane", "lane_status"));
        Assert.Equal("c", await LeftAsync("lane", "lane_wakes"));
    }

    [Fact]
    public async Task It_is_removed_without_waiting_for_what_another_process_removes_or_writes_of_it()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var writing = new NpgsqlCommand("""
            UPDATE node_status SET at = now() WHERE node_id = 2;
            UPDATE lane_status SET at = now() WHERE node_id = 2 AND lane = 'b';
            UPDATE lane_wakes SET at = at WHERE lane = 'a'
            """, connection);
        await writing.ExecuteNonQueryAsync();
        await using var impatient = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = "-c lock_timeout=5s" });

        await StoreOn(impatient).ForgetDeadAsync(1, TestContext.Current.CancellationToken);

        Assert.Equal("1,2", await LeftAsync("node_id::text", "node_status"));
        Assert.Equal("1a,2b", await LeftAsync("node_id || lane", "lane_status"));
        Assert.Equal("a,c", await LeftAsync("lane", "lane_wakes"));
    }

    private static LaneStatusStore StoreOn(NpgsqlDataSource db) =>
        new(db, new PlatformOptions { LeaseTimeToLive = TimeSpan.FromMinutes(10) }, TimeProvider.System);

    private async Task<string> LeftAsync(string what, string table) =>
        (string)(await database.ScalarAsync($"SELECT string_agg(x, ',' ORDER BY x) FROM (SELECT {what} AS x FROM {table}) AS t"))!;
}
