using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.Tests.Platform.Jobs;

public sealed class JobSchedulerTests : IAsyncLifetime
{
    /// <summary>On the next 29th of February.</summary>
    private const string Never = "0 0 0 29 2 ?";

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

        // As if nothing had run for years: two ticks were missed, and are made up for once. Both nodes look at it as they start.
        await database.ScalarAsync("UPDATE hangfire.hash SET value = '2019-01-01T00:00:00.0000000Z' WHERE field = 'CreatedAt'");
        await database.ScalarAsync("UPDATE hangfire.set SET score = extract(epoch FROM now() + interval '2 seconds')::bigint WHERE key = 'recurring-jobs'");
        var nodes = await Task.WhenAll(JobNode.StartAsync(database, "first", job), JobNode.StartAsync(database, "second", job));
        await using var first = nodes[0];
        await using var second = nodes[1];
        await Wait.UntilAsync(
            async () => (await first.Store.ListAsync(CancellationToken.None))[0].NextRunAt == NextLeapDay && runs > 0 && await IsEmptyAsync("hangfire.jobqueue"),
            "the tick to be over");

        Assert.Equal(1, runs);
        var status = Assert.Single(await first.Store.ListAsync(CancellationToken.None));
        Assert.Equal((true, "ticked", false), (status.LastOk, status.LastResult, status.Running));
        Assert.Contains(status.NodeId, new long?[] { first.NodeId, second.NodeId });
    }

    [Fact]
    public async Task Two_nodes_never_run_a_job_at_the_same_time_in_a_thousand_runs()
    {
        var (running, most, runs) = (0, 0, 0);
        (string, string, Func<CancellationToken, Task<string>>) job = ("fast", Never, async _ =>
        {
            var now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            await Task.Yield();
            Interlocked.Decrement(ref running);
            Interlocked.Increment(ref runs);
            return "";
        });
        await using var first = await JobNode.StartAsync(database, "first", job);
        await using var second = await JobNode.StartAsync(database, "second", job);

        var byHangfire = Parallel.ForAsync(0, 50, async (i, cancellation) => await (i % 2 == 0 ? first : second).Scheduler.TriggerAsync("fast", cancellation));
        await Task.WhenAll(new[] { first, first, second, second }.Select(async node =>
        {
            while (Volatile.Read(ref runs) < 1000)
            {
                await node.Runner.RunAsync("fast", CancellationToken.None);
            }
        }));
        await byHangfire;
        await Wait.UntilAsync(() => IsEmptyAsync("hangfire.jobqueue"), "Hangfire's own runs to be over");

        Assert.Equal(1, most);
        Assert.True(runs >= 1000);
    }

    [Fact]
    public async Task A_run_that_takes_longer_than_its_lease_is_not_run_twice()
    {
        var (runs, done) = (0, new TaskCompletionSource());
        (string, string, Func<CancellationToken, Task<string>>) job = ("long", Never, async _ =>
        {
            Interlocked.Increment(ref runs);
            await done.Task;
            return "done";
        });
        await using var first = await JobNode.StartAsync(database, "first", job);
        await using var second = await JobNode.StartAsync(database, "second", job);
        await first.Scheduler.TriggerAsync("long", CancellationToken.None);

        // The lease is twice the 3 s of the nodes.
        await Wait.UntilAsync(
            async () => await database.ScalarAsync("SELECT (max(q.fetchedat - j.last_started_at) > interval '8 s')::text FROM hangfire.jobqueue AS q, jobs AS j") is "true",
            "the process to have vouched for its run for longer than a lease");
        done.SetResult();
        await Wait.UntilAsync(() => IsEmptyAsync("hangfire.jobqueue"), "the run to be over");

        Assert.Equal(1, runs);
        Assert.Equal("Succeeded", await database.ScalarAsync("SELECT string_agg(statename, ' ') FROM hangfire.job"));
    }

    [Fact]
    public async Task A_process_that_is_told_to_stop_gives_its_run_to_another()
    {
        await using var first = await NodeWithEndlessRunAsync();
        await using var second = await JobNode.StartAsync(database, "second", ("long", Never, _ => Task.FromResult("begun anew")));

        await first.StopAsync();

        await Wait.UntilAsync(async () => (await second.Store.ListAsync(CancellationToken.None))[0].LastResult == "begun anew", "the second node to begin anew");
    }

    [Fact]
    public async Task A_run_that_failed_is_kept_a_week_and_not_tried_again_before_its_time()
    {
        await using var node = await JobNode.StartAsync(database, "only", ("job", Never, _ => throw new JobFailedException("192.0.2.1 is listed")));

        await node.Scheduler.TriggerAsync("job", CancellationToken.None);
        await Wait.UntilAsync(async () => await database.ScalarAsync("SELECT statename FROM hangfire.job") is "Failed", "the run to fail");

        Assert.Equal("true", await database.ScalarAsync("SELECT (expireat BETWEEN now() + interval '6 days' AND now() + interval '7 days')::text FROM hangfire.job"));
        Assert.Equal("1", await database.ScalarAsync("SELECT count(*)::text FROM hangfire.job"));
        Assert.Contains("192.0.2.1 is listed", (string)(await database.ScalarAsync("SELECT data::text FROM hangfire.state WHERE name = 'Failed'"))!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_who_may_not_make_the_schema_is_told_what_to_do()
    {
        var role = $"jobless_{Guid.NewGuid():N}";
        await database.ScalarAsync($"CREATE ROLE {role}");
        try
        {
            await using var asRole = NpgsqlDataSource.Create(
                new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = $"-c role={role}", Pooling = false }.ConnectionString);

            var refused = await Assert.ThrowsAsync<OperatorException>(() => JobSchema.PrepareAsync(asRole, CancellationToken.None));
            Assert.Contains("CREATE SCHEMA hangfire AUTHORIZATION", refused.Message, StringComparison.Ordinal);

            await database.ScalarAsync($"CREATE SCHEMA hangfire AUTHORIZATION {role}");
            await JobSchema.PrepareAsync(asRole, CancellationToken.None);
            Assert.Equal("t", await database.ScalarAsync("SELECT (to_regclass('hangfire.jobqueue') IS NOT NULL)::char"));
        }
        finally
        {
            await database.ScalarAsync($"DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
        }
    }

    /// <summary>A node in the midst of a run that ends only when it is cut short.</summary>
    private async Task<JobNode> NodeWithEndlessRunAsync()
    {
        var entered = new TaskCompletionSource();
        var node = await JobNode.StartAsync(database, "first", ("long", Never, async cancellation =>
        {
            entered.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            return "never";
        }));
        await node.Scheduler.TriggerAsync("long", CancellationToken.None);
        await entered.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return node;
    }

    [Fact]
    public async Task Ten_nodes_that_start_at_once_make_the_tables_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Task.Run(() => JobSchema.PrepareAsync(database.DataSource, CancellationToken.None))));

        Assert.Equal("1", await database.ScalarAsync("SELECT count(*)::text FROM hangfire.schema"));
    }

    [Fact]
    public async Task Job_of_a_killed_node_is_run_again_by_another()
    {
        await using var first = await NodeWithEndlessRunAsync();
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
        Assert.Equal(NextLeapDay, status.NextRunAt);
        await Assert.ThrowsAsync<OperatorException>(() => node.Runner.RunAsync("jbo", CancellationToken.None));
    }

    [Fact]
    public async Task Node_that_starts_leaves_the_stored_time_and_takes_a_new_schedule()
    {
        await using (await JobNode.StartAsync(database, "first", ("job", Never, _ => Task.FromResult(""))))
        {
        }

        await database.ScalarAsync("UPDATE hangfire.set SET score = score - 86400 WHERE key = 'recurring-jobs'");
        await using (var same = await JobNode.StartAsync(database, "second", ("job", Never, _ => Task.FromResult(""))))
        {
            Assert.Equal(NextLeapDay.AddDays(-1), (await same.Store.ListAsync(CancellationToken.None))[0].NextRunAt);
        }

        await using var other = await JobNode.StartAsync(database, "third", ("job", "0 0 1 29 2 ?", _ => Task.FromResult("")));
        Assert.Equal(NextLeapDay.AddHours(1), (await other.Store.ListAsync(CancellationToken.None))[0].NextRunAt);
    }

    private static DateTimeOffset NextLeapDay
    {
        get
        {
            var now = TimeProvider.System.GetUtcNow();
            return Enumerable.Range(now.Year, 9).Where(DateTime.IsLeapYear).Select(year => new DateTimeOffset(year, 2, 29, 0, 0, 0, TimeSpan.Zero)).First(day => day > now);
        }
    }

    private static void InterlockedMax(ref int place, int value)
    {
        for (var seen = Volatile.Read(ref place); value > seen; seen = Volatile.Read(ref place))
        {
            Interlocked.CompareExchange(ref place, value, seen);
        }
    }

    private async Task<bool> IsEmptyAsync(string table) => await database.ScalarAsync($"SELECT count(*)::text FROM {table}") is "0";
}
