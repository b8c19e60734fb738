using EmailService.Accept;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmailService.Tests.Accept;

/// <summary>A database that refuses a transaction and then hangs: its requests, tried one by one, are answered together when the first has waited long enough.</summary>
public sealed class AcceptHangsAfterRefusalTests
{
    [Fact]
    public async Task Requests_of_a_refused_batch_do_not_wait_for_each_other_while_the_database_hangs()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var store = new HangsAfterRefusal(database.DataSource);
        await using var service = await TestService.StartAsync(
            database: database, configure: builder => builder.Services.AddSingleton<IAcceptStore>(store), settings: ["Accept:Batchers=1"]);
        var worker = service.Get<AcceptWorker>();
        var request = TestService.Request("anna@shop.test");

        // The first is held back until all others wait, so that they share a transaction.
        var first = worker.AcceptAsync(1, request, null, CancellationToken.None);
        await store.FirstCame.WaitAsync(TimeSpan.FromSeconds(30));
        var bad = worker.AcceptAsync(1, request with { Content = request.Content with { Subject = "\0" } }, null, CancellationToken.None);
        var good = Enumerable.Range(0, 20).Select(i => worker.AcceptAsync(1, TestService.Request($"a{i}@shop.test"), null, CancellationToken.None)).ToList();
        store.GoOn();

        Assert.IsType<AcceptResult.Accepted>(await first);
        var answers = await Task.WhenAll(good.Append(bad)).WaitAsync(TimeSpan.FromMinutes(2));

        Assert.All(answers, answer => Assert.IsType<AcceptResult.Unavailable>(answer));
        // Each that is tried waits for a second at least.
        Assert.InRange(store.TriedAlone, 1, 2);
    }

    /// <summary>The real tables, which somebody locks as soon as they have refused a transaction.</summary>
    private sealed class HangsAfterRefusal(NpgsqlDataSource data) : IAcceptStore, IAsyncDisposable
    {
        private readonly AcceptStore inner = new(data);
        private readonly TaskCompletionSource firstCame = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource mayGoOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private NpgsqlConnection? locking;
        private int triedAlone;

        public Task FirstCame => firstCame.Task;

        public int TriedAlone => triedAlone;

        public void GoOn() => mayGoOn.SetResult();

        public async Task CommitAsync(
            IReadOnlyList<AcceptEntry> entries, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, TimeSpan idempotencyPeriod, CancellationToken cancellationToken)
        {
            firstCame.TrySetResult();
            await mayGoOn.Task;
            triedAlone += locking is null ? 0 : 1;
            try
            {
                await inner.CommitAsync(entries, nodeId, now, leasedUntil, idempotencyPeriod, cancellationToken);
            }
            catch (PostgresException) when (entries.Count > 1)
            {
                locking = await data.OpenConnectionAsync(cancellationToken);
                await using var command = new NpgsqlCommand("BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE", locking);
                await command.ExecuteNonQueryAsync(cancellationToken);
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (locking is not null)
            {
                await locking.DisposeAsync();
            }
        }
    }
}
