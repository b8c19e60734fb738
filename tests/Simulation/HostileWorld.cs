using System.Globalization;
using EmailService.Deliver;
using EmailService.Messages;

namespace EmailService.Simulation;

/// <summary>How many hosts do harm in a world, and in which way.</summary>
/// <param name="Dripping">Names whose host drips: each reply comes just before its deadline.</param>
/// <param name="Networks">The addresses that the dripping names lead to, each in a network of its own.</param>
/// <param name="Silent">Sites of which nothing answers a connection.</param>
/// <param name="Mute">Sites that take connections and never say a word.</param>
/// <param name="MailsPerName">Mails to each of these at once.</param>
/// <param name="AnswersFirst">Each dripping name took one mail as it should, before.</param>
internal sealed record Hostility(int Dripping, int Networks, int Silent, int Mute, int MailsPerName, bool AnswersFirst);

/// <summary>Healthy sites, old and new, get a mail each second, while mail for many that drip or are silent comes at once and is tried again and
/// again. What a seed draws is how many of these there are, on how many addresses.</summary>
internal sealed class HostileWorld
{
    private const int Healthy = 20;
    private static readonly TimeSpan From = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Until = TimeSpan.FromMinutes(18);

    /// <summary>RFC 5321 §4.5.3.2 lets a reply take five minutes.</summary>
    private static readonly TimeSpan Drip = TimeSpan.FromSeconds(290);

    private readonly List<SimSite> dripping = [];
    private readonly List<SimSite> silent = [];
    private readonly Random random;
    private readonly SimTraffic traffic;
    private readonly int nodes;
    private int freshSites;

    /// <param name="rules">In place of the program's own.</param>
    public HostileWorld(int seed, Hostility? hostility = null, ConnectionRules? rules = null)
    {
        random = new Random(seed);
        nodes = random.Next(1, 3);
        Hostility = hostility ?? Drawn(random);
        World = new SimWorld(seed, new SimSettings { Connections = rules }, [.. Sites()]);
        traffic = new SimTraffic(World);
    }

    public Hostility Hostility { get; }

    public SimWorld World { get; }

    /// <summary>From the commit until the host has it: mails to healthy sites that were accepted while the others did harm, in order.</summary>
    public List<TimeSpan> Waits => WaitsOf("known").Concat(WaitsOf("fresh")).Order().ToList();

    /// <summary>Those of sites that answered before.</summary>
    public List<TimeSpan> WaitsOf(string kind) =>
        [.. World.Truth.Fates.Where(f => f.Address.Contains($".{kind}", StringComparison.Ordinal) && f.CommittedAt >= From && f.CommittedAt < Until)
            .Select(f => (f.Copies.Count > 0 ? f.Copies[0].StartedAt : World.Clock.Now) - f.CommittedAt).Order()];

    public void Run() => World.Run(Until + TimeSpan.FromMinutes(2), StartAsync);

    public string Told()
    {
        var waits = string.Join("; ", new[] { "known", "fresh" }.Select(kind => $"{kind} sites {Figures(WaitsOf(kind))}"));
        return $"seed {World.Seed}: {Hostility}: all {Figures(Waits)}; {waits}";
    }

    public static string Figures(IReadOnlyList<TimeSpan> waits) => waits.Count == 0 ? "none" : string.Create(
        CultureInfo.InvariantCulture,
        $"p50 {At(waits, 50).TotalSeconds:0.00} s, p99 {At(waits, 99).TotalSeconds:0.00} s, worst {waits[^1].TotalSeconds:0.00} s of {waits.Count}");

    public static TimeSpan At(IReadOnlyList<TimeSpan> ordered, int percent) => ordered[Math.Min(ordered.Count - 1, ordered.Count * percent / 100)];

    private static Hostility Drawn(Random random)
    {
        var dripping = random.Next(4) == 0 ? 0 : random.Next(40, 1500);
        return new Hostility(
            dripping, random.Next(3) switch { 0 => 1, 1 => random.Next(1, 20), _ => Math.Max(1, dripping) },
            random.Next(3) == 0 ? 0 : random.Next(40, 600), random.Next(3) == 0 ? random.Next(40, 400) : 0, random.Next(3) == 0 ? random.Next(2, 6) : 1, random.Next(2) == 0);
    }

    private IEnumerable<SimSite> Sites()
    {
        var number = 0;
        for (var i = 0; i < Healthy; i++)
        {
            yield return Good($"known{i}.test");
        }

        // One that nobody wrote to before, every ten seconds.
        for (freshSites = 0; freshSites < (Until - From).TotalSeconds / 10; freshSites++)
        {
            yield return Good($"fresh{freshSites}.test");
        }

        for (var i = 0; i < Hostility.Networks; i++)
        {
            var names = Enumerable.Range(0, Hostility.Dripping).Where(n => n % Hostility.Networks == i).Select(n => $"drip{n}.test").ToList();
            var site = new SimSite($"dripping{i}.test", ++number, 1, new Random(random.Next())) { Aliases = names };
            dripping.Add(site);
            yield return site;
        }

        for (var i = 0; i < Hostility.Silent + Hostility.Mute; i++)
        {
            var site = new SimSite($"silent{i}.test", ++number, 1, new Random(random.Next())) { Outage = i < Hostility.Silent ? SimOutage.Silent : SimOutage.Mute };
            silent.Add(site);
            yield return site;
        }

        SimSite Good(string name) => new(name, ++number, random.Next(1, 3), new Random(random.Next())) { RoundTrip = TimeSpan.FromMilliseconds(random.Next(5, 80)) };
    }

    private async Task StartAsync()
    {
        for (var i = 0; i < nodes; i++)
        {
            await World.StartNodeAsync();
        }

        _ = World.WatchAsync(ProbeAsync());
        var names = dripping.SelectMany(s => s.Aliases).ToList();
        if (Hostility.AnswersFirst)
        {
            await SendAsync(names);
        }

        await Task.Delay(From - TimeSpan.FromSeconds(1) - World.Clock.Now, World.Clock);
        dripping.ForEach(s => s.Tarpit = Drip);
        var all = names.Concat(silent.Select(s => s.Name)).SelectMany(n => Enumerable.Repeat(n, Hostility.MailsPerName)).ToArray();
        random.Shuffle(all);
        await SendAsync(all);
    }

    private async Task SendAsync(IReadOnlyList<string> names)
    {
        foreach (var part in names.Chunk(100))
        {
            await traffic.SendAsync(World.Nodes[random.Next(nodes)], [.. part.Select(n => $"d.{n}")], OnUnknown.Retry);
        }
    }

    private async Task ProbeAsync()
    {
        var fresh = 0;
        while (World.Clock.Now < Until)
        {
            await Task.Delay(TimeSpan.FromSeconds(0.2 + (1.6 * random.NextDouble())), World.Clock);
            var isFresh = World.Clock.Now >= From && random.Next(9) == 0 && fresh < freshSites;
            var name = isFresh ? $"fresh{fresh++}.test" : $"known{random.Next(Healthy)}.test";
            _ = World.WatchAsync(traffic.SendAsync(World.Nodes[random.Next(nodes)], [$"d{random.Next(3)}.{name}"], OnUnknown.Retry));
        }
    }
}
