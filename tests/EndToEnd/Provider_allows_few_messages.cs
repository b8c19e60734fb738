using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A provider that takes five sessions at once and twenty messages in any second, and answers more with 421.</summary>
public sealed class Provider_allows_few_messages(ITestOutputHelper output)
{
    private const int Messages = 600;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_provider_of_20_messages_a_second_on_5_connections_is_found_out_and_kept_busy(int count)
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await BusyProvider.NodeAsync(database, dns);
        await using var two = count > 1 ? await BusyProvider.NodeAsync(database, dns, one.MxPort) : null;
        await using var three = count > 2 ? await BusyProvider.NodeAsync(database, dns, one.MxPort) : null;
        TestService[] nodes = [.. new[] { one, two, three }.OfType<TestService>()];
        await Wait.UntilAsync(() => nodes.All(n => n.Get<NodeRegistry>().Share.Nodes == count), "all know of each other");
        await using var mx = BusyProvider.Busy(one.AddMx("busy.test"));
        mx.MostPerSecond = 20;

        await BusyProvider.DeliverAsync(nodes, Messages * (count == 1 ? 2 : 3), TimeSpan.FromMinutes(5));

        // Settled: the second half of what was tried; and for the rate the third fourth, as in the end not every node has mail left.
        var (tried, deferred) = (await one.ScalarAsync<long>($"{Half} SELECT count(*) FROM half"),
            await one.ScalarAsync<long>($"{Half} SELECT count(*) FROM half WHERE disposition = 'deferred'"));
        var times = mx.Messages.Select(m => m.ReceivedAt).Order().Skip(mx.Messages.Count / 2).Take(mx.Messages.Count / 4).ToList();
        var used = (times.Count - 1) / TimeProvider.System.GetElapsedTime(times[0], times[^1]).TotalSeconds / 20;
        output.WriteLine($"{count} nodes: {deferred} of {tried} attempts deferred once settled, {used:P0} of the rate used, peak {mx.PeakSessions} sessions");
        Assert.InRange(deferred, 0, tried / 20);
        Assert.Equal(mx.Messages.Count, await one.ScalarAsync<long>("SELECT count(*) FROM settled WHERE state = 'delivered'"));
        Assert.Equal(5, mx.PeakSessions);
    }

    private const string Half = """
        WITH half AS (SELECT * FROM (SELECT disposition, ntile(2) OVER (ORDER BY started_at) AS part FROM attempts) AS a WHERE part = 2)
        """;
}
