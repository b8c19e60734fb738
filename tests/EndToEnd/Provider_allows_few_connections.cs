using EmailService.Deliver;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A provider that takes five sessions at once, and greets one more with 421.</summary>
public sealed class Provider_allows_few_connections(ITestOutputHelper output) : IDisposable
{
    private const int Messages = 600;

    /// <summary>What is deferred is not tried again while the test runs, so each recipient is either deferred or delivered.</summary>
    private const string OneAttempt = "Outbox:FirstDelay=01:00:00";

    private readonly string shaping = Path.GetTempFileName();

    public void Dispose() => File.Delete(shaping);

    [Fact]
    public async Task One_node_finds_out_how_many_it_takes()
    {
        await using var service = await TestService.StartAsync(settings: OneAttempt);
        await using var mx = Busy(service.AddMx("busy.test"));

        await DeliverAsync([service]);

        // A refusal puts off one message; the provider is asked again for a sixth session less and less often.
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

    [Fact]
    public async Task What_one_node_found_out_another_knows_before_it_is_refused()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await NodeAsync(database, dns);
        await using var two = await NodeAsync(database, dns, one.MxPort);
        await Wait.UntilAsync(() => one.Get<NodeRegistry>().Share.Nodes == 2 && two.Get<NodeRegistry>().Share.Nodes == 2, "both know of each other");
        await using var mx = Busy(one.AddMx("busy.test"));
        (mx.MostSessions, mx.MostPerSecond) = (null, 20);

        await DeliverAsync([one], 100);
        var found = Assert.Single(one.Get<LaneDirectory>().All());
        await Wait.UntilAsync(() => two.Get<HeardPaces>().Of(found.Key).Any(p => p.RateLearned is not null), "the other has heard of it");
        mx.MostPerSecond = null;
        await two.AcceptAsync("late@busy.test");
        await Wait.UntilAsync(() => mx.Messages.Any(m => m.ForwardPaths.Contains("late@busy.test")), "it is delivered");

        var heard = Assert.Single(two.Get<LaneDirectory>().All());
        Assert.NotNull(heard.TellPace()?.RateLearned);
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

    private Task<TestService> NodeAsync(TestDatabase database, LoopbackDns dns, int? mxPort = null) =>
        BusyProvider.NodeAsync(
            database, dns, mxPort, [OneAttempt, .. new FileInfo(shaping).Length > 0 ? [$"Deliver:ShapingFile={shaping}"] : Array.Empty<string>()]);

    private static ScriptedMx Busy(ScriptedMx mx) => BusyProvider.Busy(mx);

    private static Task DeliverAsync(TestService[] nodes, int messages = Messages) => BusyProvider.DeliverAsync(nodes, messages);

    private static Task<long> DeferredAsync(TestService service) => service.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind = 'deferred'");

    private async Task AssertFewDeferredAsync(TestService service, ScriptedMx mx)
    {
        var deferred = await DeferredAsync(service);
        output.WriteLine($"{deferred} deferred of {Messages}, {mx.RefusedSessions} sessions refused, {mx.ConnectionCount} connections, peak {mx.PeakSessions}");
        Assert.InRange(deferred, 0, Messages / 20);
        Assert.Equal(Messages, deferred + mx.Messages.Count);
    }
}
