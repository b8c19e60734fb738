using EmailService.Messages;

namespace EmailService.Simulation;

/// <summary>A provider is silent for six hours while 100,000 recipients wait for it, and everybody else's mail goes on as if nothing were.</summary>
public sealed class Outage_of_a_provider(ITestOutputHelper output)
{
    private const int Backlog = 100_000;
    private const int Others = 6;
    private const string Down = "a.backlog.test";

    private static readonly TimeSpan From = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Until = From + TimeSpan.FromHours(6);
    private static readonly TimeSpan End = Until + TimeSpan.FromHours(4);

    [Fact]
    public void Other_lanes_notice_nothing_and_the_backlog_leaves_at_its_pace()
    {
        var (calm, outage) = (Run(null), Run(SimOutage.Silent));
        var (before, during) = (Percentile99(calm), Percentile99(outage));
        var site = outage.Net.Sites[0];
        var limits = outage.LimitsOf(site);
        var after = site.Begun.Where(t => t >= Until).ToList();
        var done = outage.Truth.Fates.Where(f => f.Address.EndsWith(Down, StringComparison.Ordinal)).Max(f => f.Copies[0].StartedAt) - Until;
        var fastest = MostWithin(after, TimeSpan.FromMinutes(1));
        var storm = MostWithin([.. site.Dialled.Where(t => t >= Until)], TimeSpan.FromSeconds(1));
        output.WriteLine($"p99 of the others: {before.TotalMilliseconds:0} ms without, {during.TotalMilliseconds:0} ms with the outage");
        output.WriteLine($"backlog: {after.Count} messages in {done} after its end, {fastest} in the fastest minute at {limits.MessagesPerSecond.Value} a second");
        output.WriteLine($"connections to it: {storm} in the busiest second after its end, {site.MostOpen} at once at most; {site.Dialled.Count(t => t < Until)} tries before");

        Assert.InRange(during / before, 0.9, 1.1);
        Assert.InRange(fastest, 1, limits.MessagesPerSecond.Value * 60 * 1.05);
        Assert.InRange(done.TotalSeconds, 0, (Backlog / limits.MessagesPerSecond.Value * 1.15) + 600);
        Assert.InRange(storm, 1, limits.Connections.Value);
        Assert.InRange(site.MostOpen, 1, limits.Connections.Value);
    }

    private static SimWorld Run(SimOutage? outage)
    {
        List<SimSite> sites = [new SimSite(Down, 1, 2, new Random(1))];
        sites.AddRange(Enumerable.Range(2, Others).Select(i => new SimSite($"s{i}.test", i, 2, new Random(i)) { RoundTrip = TimeSpan.FromMilliseconds(20 * i) }));
        var world = new SimWorld(1, new SimSettings(), sites);
        var traffic = new SimTraffic(world);
        world.Run(End, StartAsync);
        Assert.True(world.Truth.Violation is null, $"{world.Truth.Violation}\n{world.Trace.Tail()}");
        Assert.Empty(world.Store.Rows);
        return world;

        async Task StartAsync()
        {
            await world.StartNodeAsync();
            await world.StartNodeAsync();
            _ = world.WatchAsync(SendSteadilyAsync());
            await Task.Delay(From, world.Clock);
            sites[0].Outage = outage;
            for (var i = 0; i < Backlog / 500; i++)
            {
                await traffic.SendAsync(world.Nodes[i % 2], [.. Enumerable.Repeat($"d{i % 5}.{Down}", 500)], OnUnknown.Retry);
            }

            await Task.Delay(Until - world.Clock.Now, world.Clock);
            sites[0].Outage = null;
        }

        async Task SendSteadilyAsync()
        {
            var dice = new Random(2);
            while (world.Clock.Now < End - TimeSpan.FromMinutes(5))
            {
                await Task.Delay(TimeSpan.FromSeconds(2 * dice.NextDouble()), world.Clock);
                _ = world.WatchAsync(traffic.SendAsync(world.Nodes[dice.Next(2)], [$"d{dice.Next(5)}.s{dice.Next(2, 2 + Others)}.test"], OnUnknown.Retry));
            }
        }
    }

    private static TimeSpan Percentile99(SimWorld world)
    {
        var times = world.Truth.Fates.Where(f => !f.Address.EndsWith(Down, StringComparison.Ordinal)).Select(f => f.Copies[0].StartedAt - f.CommittedAt).Order().ToList();
        return times[times.Count * 99 / 100];
    }

    private static int MostWithin(List<TimeSpan> times, TimeSpan window)
    {
        var most = 0;
        for (int first = 0, last = 0; last < times.Count; last++)
        {
            while (times[last] - times[first] > window)
            {
                first++;
            }

            most = Math.Max(most, last - first + 1);
        }

        return most;
    }
}
