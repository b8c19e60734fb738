using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Simulation;

/// <summary>What a seed stands for: settings, sites, traffic and faults for some hours, then peace until all is done.</summary>
internal sealed class Scenario
{
    private static readonly TimeSpan Overdue = TimeSpan.FromMinutes(15);

    private readonly SimWorld world;
    private readonly SimTraffic traffic;
    private readonly SimFaults faults;
    private readonly Random random;
    private readonly TimeSpan end;
    private readonly int nodes;

    /// <param name="follows">A recipient whose whole story is kept.</param>
    public Scenario(int seed, PlantedBug bug = PlantedBug.None, string? follows = null)
    {
        random = new Random(seed);
        nodes = random.Next(1, 5);
        end = TimeSpan.FromHours(1 + (random.NextDouble() * 6));
        var settings = new SimSettings
        {
            Outbox = new OutboxOptions
            {
                Expiry = TimeSpan.FromHours(random.Next(2, 9)),
                PollInterval = TimeSpan.FromSeconds(random.Next(4, 15)),
                ReadyRecipients = random.Next(3) == 0 ? 200 : 8000,
            },
            Deliver = new DeliverOptions { Connections = random.Next(3) == 0 ? 30 : 500 },
            Platform = new PlatformOptions
            {
                HostName = "sender.test", HeartbeatInterval = TimeSpan.FromSeconds(random.Next(4, 10)), LeaseTimeToLive = TimeSpan.FromSeconds(random.Next(30, 60)),
            },
        };
        world = new SimWorld(seed, settings, [.. Sites()], bug, follows);
        traffic = new SimTraffic(world);
        faults = new SimFaults(world, random, end, Rush);
    }

    public SimWorld World => world;

    public IReadOnlyDictionary<string, int> Faults => faults.Counts;

    /// <summary>Runs it to its end, or to the first breach of the contract.</summary>
    public void Run()
    {
        world.Run(end, StartAsync);
        faults.EndAll();
        world.Run(end + world.Settings.Outbox.Expiry + TimeSpan.FromHours(36), null, () => world.Store.Count == 0 && world.Clock.Now > end + TimeSpan.FromMinutes(5));

        // Answers still on their way.
        world.Run(world.Clock.Now + TimeSpan.FromMinutes(1));
        CheckEnd();
    }

    private async Task StartAsync()
    {
        for (var i = 0; i < nodes; i++)
        {
            await world.StartNodeAsync();
        }

        _ = world.WatchAsync(SendAsync());
        _ = world.WatchAsync(faults.RunAsync());
        _ = world.WatchAsync(NobodyStarvesAsync());
    }

    private IEnumerable<SimSite> Sites()
    {
        var count = random.Next(3, 8);
        for (var i = 0; i < count; i++)
        {
            // The first is in good order, and must never wait for the others.
            var (name, isOdd) = (i switch { 0 => "good.test", 1 => "a.narrow.test", 2 => "a.rated.test", 3 => "a.slow.test", _ => $"s{i}.test" }, i > 0);
            yield return new SimSite(name, i + 1, random.Next(1, 4), new Random(random.Next()))
            {
                RoundTrip = TimeSpan.FromMilliseconds(random.Next(2, 200)),
                MostSessions = isOdd && random.Next(3) == 0 ? random.Next(1, 12) : int.MaxValue,
                MostPerSecond = isOdd && random.Next(3) == 0 ? 0.2 + (random.NextDouble() * 5) : 0,
                MostPerSession = random.Next(3) == 0 ? random.Next(1, 30) : int.MaxValue,
                Greylists = isOdd && random.Next(4) == 0 ? TimeSpan.FromMinutes(random.Next(1, 40)) : TimeSpan.Zero,
                Tarpit = isOdd && random.Next(5) == 0 ? TimeSpan.FromSeconds(random.Next(1, 7)) : TimeSpan.Zero,
                Breaks = isOdd && random.Next(2) == 0 ? random.NextDouble() * 0.2 : 0,
                BreaksAtTheEnd = isOdd && random.Next(3) == 0 ? random.NextDouble() * 0.1 : 0,
                IsSlowAtTheEnd = isOdd && random.Next(3) == 0 ? random.NextDouble() * 0.1 : 0,
                KeepsIdle = TimeSpan.FromSeconds(random.Next(1, 300)),
            };
        }
    }

    private async Task SendAsync()
    {
        var mean = end / random.Next(50, 400);
        while (world.Clock.Now < end)
        {
            await Task.Delay(mean * -Math.Log(1 - random.NextDouble()), world.Clock);
            var up = world.Up.ToList();
            if (up.Count == 0 || world.Clock.Now >= end)
            {
                continue;
            }

            var isBurst = random.Next(100) == 0;
            var site = world.Net.Sites[random.Next(world.Net.Sites.Count)].Name;
            var domains = Enumerable.Range(0, isBurst ? random.Next(50, 250) : random.Next(1, 5))
                .Select(_ => $"d{random.Next(5)}.{(random.Next(100) == 0 ? SimNet.Nowhere : site)}").ToList();
            _ = world.WatchAsync(traffic.SendAsync(
                up[random.Next(up.Count)], domains, random.Next(3) == 0 ? OnUnknown.Stop : OnUnknown.Retry, random.Next(20) == 0,
                isBurst || random.Next(4) == 0 ? MailStream.Bulk : MailStream.Transactional));
        }
    }

    private void Rush()
    {
        var site = world.Net.Sites[random.Next(world.Net.Sites.Count)].Name;
        foreach (var node in world.Up.ToList())
        {
            var domains = Enumerable.Range(0, random.Next(5, 40)).Select(_ => $"d{random.Next(5)}.{site}").ToList();
            _ = world.WatchAsync(traffic.SendAsync(node, domains, OnUnknown.Retry, stream: random.Next(4) == 0 ? MailStream.Bulk : MailStream.Transactional));
        }
    }

    /// <summary>What is due at the site in good order leaves, whatever the others do.</summary>
    private async Task NobodyStarvesAsync()
    {
        while (true)
        {
            await Task.Delay(Overdue, world.Clock);
            var limit = world.Clock.GetUtcNow() - Overdue;
            if (world.IsSettled && world.Store.Rows.FirstOrDefault(r => r.DueAt < limit && r.Address.EndsWith("good.test", StringComparison.Ordinal)) is { } row)
            {
                world.Truth.Violate($"due since {row.DueAt - SimClock.Start}, {(row.IsLeased ? $"held by node {row.NodeId}" : "queued")}, and its site is in good order", row.Address);
            }
        }
    }

    /// <summary>Over five minutes, as the share of a node that comes or goes is off for some seconds, and what waited for the store goes at once.</summary>
    private void CheckRate(SimSite site, LaneLimits limits)
    {
        var window = TimeSpan.FromMinutes(5);
        var most = (limits.MessagesPerSecond.Value * window.TotalSeconds * 1.25) + (limits.Connections.Value * world.Nodes.Count);
        for (int first = 0, last = 0; last < site.Begun.Count; last++)
        {
            while (site.Begun[last] - site.Begun[first] > window)
            {
                first++;
            }

            if (last - first + 1 > most)
            {
                world.Truth.Violate($"{last - first + 1} messages to {site.Name} in five minutes until {site.Begun[last]}, {limits.MessagesPerSecond.Value} a second allowed");
                return;
            }
        }
    }

    private void CheckEnd()
    {
        var truth = world.Truth;
        if (truth.Violation is not null)
        {
            return;
        }

        foreach (var row in world.Store.Rows.Take(1))
        {
            truth.Violate($"parked: due {row.DueAt - SimClock.Start}, {(row.IsLeased ? $"held by node {row.NodeId}" : "queued")}, expires {row.ExpiresAt - SimClock.Start}", row.Address);
        }

        foreach (var fate in truth.Fates.Where(f => f.End is null && truth.Violation is null))
        {
            truth.Violate("lost", fate.Address);
        }

        foreach (var site in world.Net.Sites.Where(s => world.LimitsOf(s).MessagesPerSecond.Value > 0 && s.Breaks == 0 && truth.Violation is null))
        {
            CheckRate(site, world.LimitsOf(site));
        }

        foreach (var node in world.Up.Where(n => n.Hand.Count > 0 && truth.Violation is null))
        {
            truth.Violate($"node {node.Number} still holds {node.Hand.Count} that are done", truth.Fates.First(f => node.Hand.Holds(f.Row.Id)).Address);
        }
    }
}
