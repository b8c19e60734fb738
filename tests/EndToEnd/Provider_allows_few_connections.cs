using EmailService.Deliver;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A provider that takes five sessions at once, and greets one more with 421.</summary>
public sealed class Provider_allows_few_connections(ITestOutputHelper output) : IDisposable
{
    private const int Messages = 600;
    private readonly string shaping = Path.GetTempFileName();

    public void Dispose() => File.Delete(shaping);

    [Fact]
    public async Task One_node_finds_out_how_many_it_takes()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = Busy(service.AddMx("busy.test"));

        await DeliverAsync([service]);

        // A refusal moves one message by a minute; the provider is asked again for a sixth session less and less often.
        await AssertFewDeferredAsync(service, mx);
        Assert.Equal(5, mx.PeakSessions);
    }

    [Fact]
    public async Task Three_nodes_that_know_it_share_it_and_are_never_refused()
    {
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "blocks": { "busy": { "mx": ["busy.test"], "connections": 5, "idle_timeout": "5m" } } }""");
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await NodeAsync(database, dns);
        await using var two = await NodeAsync(database, dns, one.MxPort);
        await using var three = await NodeAsync(database, dns, one.MxPort);
        TestService[] nodes = [one, two, three];
        await Wait.UntilAsync(() => nodes.All(n => n.Get<NodeRegistry>().Share.Nodes == 3), "all know of each other");
        Assert.Equal([2, 2, 1], nodes.Select(n => n.Get<NodeRegistry>().Share.Of(5)));
        await using var mx = Busy(one.AddMx("busy.test"));

        await DeliverAsync(nodes);

        Assert.Equal(0, mx.RefusedSessions);
        Assert.Equal(0, await DeferredAsync(one));
        Assert.InRange(mx.PeakSessions, 1, 5);
        Assert.All(nodes, n => Assert.Equal("provider:busy", Assert.Single(n.Get<LaneDirectory>().All()).Key));
    }

    [Fact]
    public async Task Three_nodes_that_do_not_know_it_find_out_as_well()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await NodeAsync(database, dns);
        await using var two = await NodeAsync(database, dns, one.MxPort);
        await using var three = await NodeAsync(database, dns, one.MxPort);
        await using var mx = Busy(one.AddMx("busy.test"));

        await DeliverAsync([one, two, three]);

        await AssertFewDeferredAsync(one, mx);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_rate_holds_over_all_nodes_and_only_makes_mail_wait(int count)
    {
        const int rate = 150;
        await File.WriteAllTextAsync(
            shaping, $$"""{ "version": 1, "domains": { "busy.test": { "connections": 5, "messages_per_second": {{rate}} } } }""");
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await NodeAsync(database, dns);
        await using var two = count > 1 ? await NodeAsync(database, dns, one.MxPort) : null;
        await using var three = count > 2 ? await NodeAsync(database, dns, one.MxPort) : null;
        TestService[] nodes = [.. new[] { one, two, three }.OfType<TestService>()];
        await Wait.UntilAsync(() => nodes.All(n => n.Get<NodeRegistry>().Share.Nodes == count), "all know of each other");
        await using var mx = Busy(one.AddMx("busy.test"));

        await DeliverAsync(nodes);

        Assert.Equal(Messages, mx.Messages.Count);
        Assert.Equal(0, await DeferredAsync(one));

        // Those that are under way may come late and then together, one on each connection.
        var second = TimeProvider.System.TimestampFrequency;
        var times = mx.Messages.Select(m => m.ReceivedAt).Order().ToList();
        Assert.All(times, t => Assert.InRange(times.Count(u => u >= t && u < t + second), 1, rate + (2 * 5) + count));
        output.WriteLine($"{(Messages - 1) / TimeProvider.System.GetElapsedTime(times[0], times[^1]).TotalSeconds:0.0} of {rate} per second");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_provider_of_20_messages_a_second_on_5_connections_is_found_out_and_kept_busy(int count)
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await NodeAsync(database, dns);
        await using var two = count > 1 ? await NodeAsync(database, dns, one.MxPort) : null;
        await using var three = count > 2 ? await NodeAsync(database, dns, one.MxPort) : null;
        TestService[] nodes = [.. new[] { one, two, three }.OfType<TestService>()];
        await Wait.UntilAsync(() => nodes.All(n => n.Get<NodeRegistry>().Share.Nodes == count), "all know of each other");
        await using var mx = Busy(one.AddMx("busy.test"));
        mx.MostPerSecond = 20;

        await DeliverAsync(nodes, Messages * Math.Min(count, 2), TimeSpan.FromMinutes(5));

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

    private static ScriptedMx Busy(ScriptedMx mx)
    {
        mx.MostSessions = 5;
        mx.FinalReplyDelay = () => TimeSpan.FromMilliseconds(5);
        return mx;
    }

    private Task<TestService> NodeAsync(TestDatabase database, LoopbackDns dns, int? mxPort = null) => TestService.StartAsync(
        database: database, dns: dns, mxPort: mxPort, settings:
        [
            "HeartbeatInterval=00:00:00.1", "LeaseTimeToLive=00:01:00", "Deliver:FirstRest=00:00:01", "Outbox:PollInterval=00:00:00.05",
            .. new FileInfo(shaping).Length > 0 ? [$"Deliver:ShapingFile={shaping}"] : Array.Empty<string>(),
        ]);

    private static async Task DeliverAsync(TestService[] nodes, int messages = Messages, TimeSpan? bound = null)
    {
        // Messages of ten recipients each.
        await Task.WhenAll(Enumerable.Range(0, messages / 10).Select(i =>
            nodes[i % nodes.Length].AcceptAsync(string.Join(',', Enumerable.Range(0, 10).Select(n => $"a{i}-{n}@busy.test")))));
        await Wait.UntilAsync(
            async () => await nodes[0].ScalarAsync<long>("""
                SELECT (SELECT count(*) FROM settled WHERE state = 'delivered')
                     + (SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts > 0)
                """) == messages,
            () => "each is delivered or deferred", bound, TimeSpan.FromMilliseconds(100));
    }

    private static Task<long> DeferredAsync(TestService service) => service.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind = 'deferred'");

    private async Task AssertFewDeferredAsync(TestService service, ScriptedMx mx)
    {
        var deferred = await DeferredAsync(service);
        output.WriteLine($"{deferred} deferred of {Messages}, {mx.RefusedSessions} sessions refused, {mx.ConnectionCount} connections, peak {mx.PeakSessions}");
        Assert.InRange(deferred, 0, Messages / 20);
        Assert.Equal(Messages, deferred + mx.Messages.Count);
    }
}
