using EmailService.Deliver;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using EmailService.Tests.Platform;
using Npgsql;

namespace EmailService.Tests.Deliver;

public sealed class PaceStoreTests : IAsyncLifetime
{
    private static readonly PaceTold Pace = new()
    {
        Wanted = 7, Sessions = 2,
        RateLearned = new() { Version = 7, Ceiling = 19.57, Good = 19, Increase = 1.03, Quiet = 32, IsTrying = true },
        SessionsLearned = new() { Version = 2, Ceiling = 5, Quiet = 64 },
    };

    private TestDatabase database = null!;
    private PaceStore store = null!;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        store = StoreOn(database.DataSource);
        await database.ScalarAsync("""
            INSERT INTO nodes (host, process_id, roles, heartbeat_at) VALUES
                ('one', 1, ARRAY['deliver'], now()), ('two', 2, ARRAY['deliver'], now()), ('silent', 3, ARRAY['deliver'], now() - interval '1 hour')
            """);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_node_hears_what_others_said_last_and_not_what_it_said_itself()
    {
        Assert.Empty(await TellAsync(1, [("a", Pace), ("b", new PaceTold())]));
        Assert.Equal([("a", Pace), ("b", new PaceTold())], await TellAsync(2, [("a", Pace with { Wanted = 3 })]));
        Assert.Equal([("a", Pace with { Wanted = 3 })], await TellAsync(1, [("a", Pace with { Wanted = 1 })], gone: ["b"]));
        Assert.Equal([("a", Pace with { Wanted = 1 })], await TellAsync(2, []));

        await store.ForgetAsync(1, TestContext.Current.CancellationToken);
        Assert.Empty(await TellAsync(2, []));
    }

    [Fact]
    public async Task What_a_dead_node_said_is_passed_over_and_removed()
    {
        await TellAsync(3, [("a", Pace)]);

        Assert.Empty(await TellAsync(1, []));
        await store.ForgetDeadAsync(1, TestContext.Current.CancellationToken);
        Assert.Equal(0L, await database.ScalarAsync("SELECT count(*) FROM lane_paces"));
    }

    [Fact]
    public async Task What_a_dead_node_said_is_removed_without_waiting_for_what_somebody_writes_of_it()
    {
        await TellAsync(3, [("a", Pace), ("b", Pace), ("c", Pace)]);
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var writing = new NpgsqlCommand("UPDATE lane_paces SET pace = '{}' WHERE node_id = 3 AND lane = 'b'", connection);
        await writing.ExecuteNonQueryAsync();
        await using var impatient = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = "-c lock_timeout=5s" });

        await StoreOn(impatient).ForgetDeadAsync(1, TestContext.Current.CancellationToken);

        Assert.Equal("b", await database.ScalarAsync("SELECT string_agg(lane, ',') FROM lane_paces"));
        await transaction.CommitAsync();
        await store.ForgetDeadAsync(1, TestContext.Current.CancellationToken);
        Assert.Equal(0L, await database.ScalarAsync("SELECT count(*) FROM lane_paces"));
    }

    [Fact]
    public async Task What_a_process_of_another_version_says_is_passed_over_as_far_as_it_cannot_be_read()
    {
        await database.ScalarAsync("""
            INSERT INTO lane_paces VALUES
                ('a', 2, '{"wanted": "much"}'),
                ('b', 2, '{"wanted": 2, "later": {}}'),
                ('c', 2, '{"rate_learned": {"ceiling": 0, "increase": 1.03, "quiet": 16}}'),
                ('d', 2, '{"wanted": -1}')
            """);

        Assert.Equal([("b", new PaceTold { Wanted = 2 })], await TellAsync(1, []));
    }

    private static PaceStore StoreOn(NpgsqlDataSource db) => new(db, new PlatformOptions { LeaseTimeToLive = TimeSpan.FromMinutes(10) });

    private Task<List<(string Lane, PaceTold Told)>> TellAsync(long node, IReadOnlyList<(string Lane, PaceTold Told)> changed, params string[] gone) =>
        store.ExchangeAsync(node, changed, gone, TestContext.Current.CancellationToken);
}
