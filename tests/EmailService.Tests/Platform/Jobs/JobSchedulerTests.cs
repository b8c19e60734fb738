using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.TestKit;

namespace EmailService.Tests.Platform.Jobs;

public sealed class JobSchedulerTests : IAsyncLifetime
{
    private const string Never = "0 0 0 1 1 ? 2099";

    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() =>
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Two_nodes_run_a_job_once_per_tick()
    {
        var runs = 0;
        (string, string, Func<CancellationToken, Task<string>>) job = ("tick", Never, _ =>
        {
            Interlocked.Increment(ref runs);
            return Task.FromResult("ticked");
        });
        await using (await JobNode.StartAsync(database, "before", job))
        {
        }

        // Due soon, and again in 2099: both look at it as they start, and wait for it side by side unless one comes late.
        await database.ScalarAsync($"UPDATE qrtz_triggers SET next_fire_time = {TimeProvider.System.GetUtcNow().AddSeconds(2).UtcTicks}");
        var nodes = await Task.WhenAll(JobNode.StartAsync(database, "first", job), JobNode.StartAsync(database, "second", job));
        await using var first = nodes[0];
        await using var second = nodes[1];
        await Wait.UntilAsync(
            async () => (await first.Store.ListAsync(CancellationToken.None))[0].NextRunAt?.Year == 2099 && await IsEmptyAsync("qrtz_fired_triggers"),
            "the tick to be over");

        Assert.Equal(1, runs);
        var status = Assert.Single(await first.Store.ListAsync(CancellationToken.None));
        Assert.Equal((true, "ticked", false), (status.LastOk, status.LastResult, status.Running));
        Assert.Contains(status.NodeId, new long?[] { first.NodeId, second.NodeId });
    }

    [Fact]
    public async Task Job_of_a_killed_node_is_run_again_by_another()
    {
        var entered = new TaskCompletionSource();
        await using var first = await JobNode.StartAsync(database, "first", ("long", Never, async cancellation =>
        {
            entered.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            return "never";
        }));
        await first.Scheduler.TriggerAsync("long", CancellationToken.None);
        await entered.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await using var second = await JobNode.StartAsync(database, "second", ("long", Never, _ => Task.FromResult("taken over")));
        Assert.Null(await second.Runner.RunAsync("long", CancellationToken.None));

        await first.KillAsync(database);

        await Wait.UntilAsync(async () => (await second.Store.ListAsync(CancellationToken.None))[0].LastResult == "taken over", "the second node to take over");
        Assert.Equal(second.NodeId, (await second.Store.ListAsync(CancellationToken.None))[0].NodeId);
    }

    [Fact]
    public async Task Bad_news_and_bugs_are_kept_and_the_next_run_is_known()
    {
        var next = new Queue<Func<Task<string>>>(
        [
            () => throw new JobFailedException("192.0.2.1 is listed"),
            () => throw new InvalidOperationException("a bug\nof two lines"),
            () => Task.FromResult("good"),
        ]);
        await using var node = await JobNode.StartAsync(database, "only", ("job", Never, _ => next.Dequeue()()));

        Assert.Equal(new JobRun(false, "192.0.2.1 is listed"), await node.Runner.RunAsync("job", CancellationToken.None));
        Assert.Equal(new JobRun(false, "failed: a bug of two lines"), await node.Runner.RunAsync("job", CancellationToken.None));
        Assert.Equal(new JobRun(true, "good"), await node.Runner.RunAsync("job", CancellationToken.None));

        var status = Assert.Single(await node.Store.ListAsync(CancellationToken.None));
        Assert.Equal(new DateTimeOffset(2099, 1, 1, 0, 0, 0, TimeSpan.Zero), status.NextRunAt);
        await Assert.ThrowsAsync<OperatorException>(() => node.Runner.RunAsync("jbo", CancellationToken.None));
    }

    [Fact]
    public async Task Node_that_starts_leaves_the_stored_time_and_takes_a_new_schedule()
    {
        await using (await JobNode.StartAsync(database, "first", ("job", Never, _ => Task.FromResult(""))))
        {
        }

        await database.ScalarAsync("UPDATE qrtz_triggers SET next_fire_time = next_fire_time - 864000000000");
        await using (var same = await JobNode.StartAsync(database, "second", ("job", Never, _ => Task.FromResult(""))))
        {
            Assert.Equal(new DateTimeOffset(2098, 12, 31, 0, 0, 0, TimeSpan.Zero), (await same.Store.ListAsync(CancellationToken.None))[0].NextRunAt);
        }

        await using var other = await JobNode.StartAsync(database, "third", ("job", "0 0 0 2 1 ? 2099", _ => Task.FromResult("")));
        Assert.Equal(new DateTimeOffset(2099, 1, 2, 0, 0, 0, TimeSpan.Zero), (await other.Store.ListAsync(CancellationToken.None))[0].NextRunAt);
    }

    private async Task<bool> IsEmptyAsync(string table) => await database.ScalarAsync($"SELECT count(*)::text FROM {table}") is "0";
}
