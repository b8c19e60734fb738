using EmailService.Shaping;

namespace EmailService.Simulation;

/// <summary>One store, some nodes, some sites, and a clock: everything that happens follows from the seed.</summary>
internal sealed class SimWorld
{
    /// <summary>Work in progress when nodes come or go ends by then, the final reply of a slow host included.</summary>
    private static readonly TimeSpan Settles = TimeSpan.FromMinutes(15);

    private readonly SimScheduler scheduler;
    private readonly Dictionary<SimSite, LaneLimits> limits;
    private TimeSpan changedAt;

    public SimWorld(int seed, SimSettings settings, IReadOnlyList<SimSite> sites, PlantedBug bug = PlantedBug.None, string? follows = null)
    {
        Seed = seed;
        Settings = settings;
        Random = new Random(seed);
        scheduler = new SimScheduler(Clock);
        Trace = new Trace(Clock) { Follows = follows };
        Truth = new Truth(Clock, Trace, settings.Outbox);
        Store = new SimStore(Clock, Trace, Truth, bug);
        Overlays = new SimOverlays(Clock, Trace);
        Net = new SimNet(sites, Clock, Random) { Opened = CheckConnections };
        limits = sites.ToDictionary(s => s, s => SimSettings.Shaping.For("d." + s.Name, s.Hosts.Select(h => h.Name), null).Limits);
    }

    public int Seed { get; }

    public SimSettings Settings { get; }

    /// <summary>The world's own dice; nodes and sites have theirs.</summary>
    public Random Random { get; }

    public SimClock Clock { get; } = new();

    public Trace Trace { get; }

    public Truth Truth { get; }

    public SimStore Store { get; }

    public SimOverlays Overlays { get; }

    public SimNet Net { get; }

    /// <summary>All that ever were.</summary>
    public List<SimNode> Nodes { get; } = [];

    public IEnumerable<SimNode> Up => Nodes.Where(n => n.IsUp);

    public long Steps => scheduler.Steps;

    public LaneLimits LimitsOf(SimSite site) => limits[site];

    /// <summary>Nothing has happened lately that moves work or limits from node to node.</summary>
    public bool IsSettled => Clock.Now - changedAt > Settles;

    public async Task<SimNode> StartNodeAsync()
    {
        var node = new SimNode(this, Nodes.Count + 1, new Random((Seed * 7919) + Nodes.Count));
        Nodes.Add(node);
        Changed();
        await node.StartAsync();
        Changed();
        return node;
    }

    public void SetStoreDown(bool isDown)
    {
        Trace.Add(isDown ? "store down" : "store up");
        Store.IsDown = isDown;
        Truth.StoreDownSince = isDown ? Clock.Now : null;
        Changed();
    }

    /// <summary>Nodes, or their ways to each other, are not what they were.</summary>
    public void Changed() => changedAt = Clock.Now;

    /// <summary>Lets something go on beside; that it fails must not go unseen.</summary>
    public async Task WatchAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception e)
        {
            Truth.Violate($"something simulated ended: {e}");
        }
    }

    /// <summary>Lets virtual time pass.</summary>
    public void Run(TimeSpan until, Func<Task>? start = null, Func<bool>? stop = null)
    {
        scheduler.Run(until, () => Truth.Violation is not null || stop?.Invoke() == true, start);
        if (scheduler.HasLeftItsThread)
        {
            Truth.Violate("work went to another thread, so the seed does not decide what happens");
        }
    }

    private void CheckConnections(SimSite site)
    {
        if (site.Aliases.Count > 0)
        {
            // To the nodes these are many sites.
            return;
        }

        var most = Math.Max(LimitsOf(site).Connections.Value, Nodes.Count(n => !n.Clock.IsDead));
        if (site.Open > (IsSettled ? most : most * 2))
        {
            Truth.Violate($"{site.Open} connections to {site.Name}, whose limit is {LimitsOf(site).Connections.Value}");
        }
    }
}
