using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Platform;

public sealed class NodeRegistryTests : IAsyncLifetime
{
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() =>
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Leases_of_stopped_silent_and_forgotten_nodes_may_be_taken_and_of_live_ones_not()
    {
        await database.ScalarAsync("""
            INSERT INTO nodes (host, process_id, roles, heartbeat_at, stopped_at) VALUES
                ('live',    1, '{}', now() - interval '1 second', NULL),
                ('silent',  2, '{}', now() - interval '1 hour', NULL),
                ('stopped', 3, '{}', now(), now());
            CREATE TABLE work (node bigint);
            INSERT INTO work VALUES (1), (2), (3), (999);
            """);

        var free = await database.ScalarAsync("""
            SELECT string_agg(w.node::text, ',' ORDER BY w.node) FROM work AS w
             WHERE NOT EXISTS (SELECT FROM live_nodes(interval '1 minute') AS n WHERE n.id = w.node)
            """);

        Assert.Equal("2,3,999", free);
        Assert.Equal("2,3", await database.ScalarAsync("SELECT string_agg(id::text, ',' ORDER BY id) FROM dead_nodes(interval '1 minute')"));
    }

    [Fact]
    public async Task On_a_private_server_the_work_of_a_killed_predecessor_is_free_at_once()
    {
        await using var health = Health();
        await using var registry = new NodeRegistry(database.DataSource, Quick with { ConnectionString = null, HostName = "here" }, health, NullLogger<NodeRegistry>.Instance);
        await database.ScalarAsync($"""
            INSERT INTO nodes (host, process_id, roles) VALUES
                ('here',  {int.MaxValue}, ARRAY[]::text[]),
                ('here',  1, ARRAY[]::text[]),
                ('there', {int.MaxValue}, ARRAY[]::text[])
            """);

        await registry.StartAsync(CancellationToken.None);

        Assert.Equal("1", await database.ScalarAsync("SELECT string_agg(id::text, ',' ORDER BY id) FROM dead_nodes(interval '1 minute')"));
    }

    [Fact]
    public async Task Nodes_count_each_other_and_a_stopped_one_is_gone_at_once()
    {
        await using var health = Health();
        await using var first = Registry(health);
        await using var second = Registry(health);
        await first.StartAsync(CancellationToken.None);
        await second.StartAsync(CancellationToken.None);

        Assert.NotEqual(first.NodeId, second.NodeId);
        Assert.True(first.IsAlive);
        Assert.Equal(2, second.LiveNodes);
        await Wait.UntilAsync(() => first.LiveNodes == 2, "the first node to see the second");

        await second.StopAsync(CancellationToken.None);

        Assert.False(second.IsAlive);
        await Wait.UntilAsync(() => first.LiveNodes == 1, "the first node to miss the second");
        await first.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Node_that_cannot_beat_for_the_time_to_live_knows_that_it_is_dead_and_comes_back()
    {
        await using var server = await PostgresServer.StartNewAsync();
        await using var own = await server.CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var health = new StoreHealth(new StoreProbe(own.DataSource), TimeProvider.System, NullLogger<StoreHealth>.Instance);
        await using var node = new NodeRegistry(own.DataSource, Quick, health, NullLogger<NodeRegistry>.Instance);
        await node.StartAsync(CancellationToken.None);

        await server.KillAsync();

        await Wait.UntilAsync(() => !node.IsAlive, "the node to give up");
        Assert.False(health.IsHealthy);
        var waiting = health.WaitUntilHealthyAsync(CancellationToken.None).AsTask();
        Assert.False(waiting.IsCompleted);

        await server.StartAsync();

        await waiting.WaitAsync(TimeSpan.FromSeconds(30));
        await Wait.UntilAsync(() => node.IsAlive && health.IsHealthy, "the node to be back");
        await node.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Node_that_was_buried_by_mistake_lives_again_and_looks_up_what_it_holds()
    {
        await using var health = Health();
        await using var node = Registry(health);
        await node.StartAsync(CancellationToken.None);
        var era = node.Era;

        await database.ScalarAsync($"UPDATE nodes SET stopped_at = now() WHERE id = {node.NodeId}");
        await Wait.UntilAsync(() => node.Era > era, "the node to notice that it was taken for dead");
        Assert.Equal($"{node.NodeId}", await database.ScalarAsync("SELECT string_agg(id::text, ',') FROM live_nodes(interval '1 minute')"));

        era = node.Era;
        await database.ScalarAsync($"DELETE FROM nodes WHERE id = {node.NodeId}");
        await Wait.UntilAsync(() => node.Era > era, "the node to notice that its row is gone");
        Assert.Equal($"{node.NodeId}", await database.ScalarAsync("SELECT string_agg(id::text, ',') FROM live_nodes(interval '1 minute')"));
        await node.StopAsync(CancellationToken.None);
    }

    private static PlatformOptions Quick { get; } = new() { ConnectionString = "Host=given;Database=given", HeartbeatInterval = TimeSpan.FromMilliseconds(100), LeaseTimeToLive = TimeSpan.FromSeconds(2) };

    private StoreHealth Health() => new(new StoreProbe(database.DataSource), TimeProvider.System, NullLogger<StoreHealth>.Instance);

    private NodeRegistry Registry(StoreHealth health) => new(database.DataSource, Quick, health, NullLogger<NodeRegistry>.Instance);
}
