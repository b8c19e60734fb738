using System.Globalization;
using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Simulation;

/// <summary>One account sends far more to a site than it takes, and another sends a mail there now and then. Counted is how many of the first account are begun
/// between the moment when the other's is due and its own beginning. <c>EMAILSERVICE_SIM_SEEDS</c> makes it a tenth of so many worlds, <c>EMAILSERVICE_SIM_SEED</c> one.</summary>
public sealed class Accounts_share_a_lane(ITestOutputHelper output)
{
    private const int InTheTest = 12;
    private const int Many = 6000;
    private const int First = 1;
    private const int Other = 2;
    private static readonly TimeSpan From = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Until = TimeSpan.FromSeconds(100);

    /// <summary>Its domain and its host may have to be looked up, each for up to 0.4 s.</summary>
    private static readonly TimeSpan LookedUp = TimeSpan.FromSeconds(0.8);

    /// <summary>What waits in the table is found by the next poll, once a second at least, and claimed.</summary>
    private static readonly TimeSpan Claimed = TimeSpan.FromSeconds(1.5);

    [Fact]
    public void Another_accounts_mail_waits_for_turns_and_never_for_a_backlog()
    {
        var seeds = Number("EMAILSERVICE_SIM_SEED") is { } one ? [one]
            : Enumerable.Range(1, Number("EMAILSERVICE_SIM_SEEDS") is { } many ? Math.Max(1, many / 10) : InTheTest).ToArray();
        Parallel.ForEach(seeds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed => new World(seed).Check(output));
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>What a seed draws: the site's limits and speed, nodes, how much memory has room for, and the stream.</summary>
    private sealed class World
    {
        private readonly Dictionary<string, DateTimeOffset> due = [];
        private readonly Random random;
        private readonly SimTraffic traffic;
        private readonly SimSite site;
        private readonly SimWorld world;
        private readonly int nodes;
        private readonly MailStream stream;

        public World(int seed)
        {
            random = new Random(seed);
            nodes = random.Next(1, 4);
            stream = random.Next(2) == 0 ? MailStream.Transactional : MailStream.Bulk;
            var name = random.Next(3) switch { 0 => "busy.rated.test", 1 => "busy.narrow.test", _ => "busy.test" };
            site = new SimSite(name, 1, 1, new Random(random.Next())) { RoundTrip = TimeSpan.FromMilliseconds(random.Next(100, 400)) };
            var outbox = new OutboxOptions { ReadyRecipients = random.Next(2) == 0 ? 8000 : random.Next(200, 2000) };
            world = new SimWorld(seed, new SimSettings { Outbox = outbox }, [site]);
            traffic = new SimTraffic(world);
        }

        public void Check(ITestOutputHelper output)
        {
            world.Run(Until + TimeSpan.FromSeconds(20), StartAsync);
            Assert.True(world.Truth.Violation is null, $"{world.Truth.Violation}\n{world.Trace.Tail()}");
            var first = world.Truth.Fates.Where(f => f.Row.AccountId == First).SelectMany(f => f.Copies.Take(1)).ToList();
            var others = world.Truth.Fates.Where(f => f.Row.AccountId == Other).ToList();
            var most = others.Select(f => Passed(f, first)).Max();
            var connections = world.LimitsOf(site).Connections.Value;
            var told = $"seed {world.Seed}: {site.Name}, {nodes} nodes, {stream}: {first.Count} of {Many} went, {others.Count} of the other account waited for {most} of these at most";
            output.WriteLine(told);

            Assert.InRange(first.Count, 1, Many - 1);
            Assert.NotEmpty(others);
            Assert.True(most <= (2 * connections) + 2, $"{told}\nreplay: ./test sim --seed {world.Seed}");
        }

        /// <summary>Those of the first account that its node began while it could have; nodes have their turns each for itself. All nodes', if it never went.</summary>
        private int Passed(Fate fate, List<SimTransaction> first)
        {
            var own = fate.Copies.FirstOrDefault();
            var start = own?.StartedAt ?? world.Clock.Now;
            var isQueued = due.TryGetValue(fate.Address[(fate.Address.IndexOf('@') + 1)..], out var at);
            var since = isQueued ? at - SimClock.Start + Claimed + LookedUp : fate.CommittedAt + LookedUp;
            return first.Count(t => (own is null || t.Node == own.Node) && t.StartedAt > since && t.StartedAt < start);
        }

        private async Task StartAsync()
        {
            for (var i = 0; i < nodes; i++)
            {
                await world.StartNodeAsync();
            }

            _ = world.WatchAsync(ProbeAsync());
            for (var i = 0; i < Many / 100; i++)
            {
                await traffic.SendAsync(world.Nodes[random.Next(nodes)], [.. Enumerable.Repeat($"d.{site.Name}", 100)], OnUnknown.Retry, stream: stream, account: First);
            }
        }

        /// <summary>Some are handed over in memory, some lie in the table until they are due.</summary>
        private async Task ProbeAsync()
        {
            await Task.Delay(From, world.Clock);
            for (var number = 0; world.Clock.Now < Until; number++)
            {
                await Task.Delay(TimeSpan.FromSeconds(1 + (4 * random.NextDouble())), world.Clock);
                var domain = $"o{number}.{site.Name}";
                DateTimeOffset? sendAt = null;
                if (random.Next(2) == 0)
                {
                    sendAt = due[domain] = SimClock.Start + world.Clock.Now + TimeSpan.FromSeconds(2);
                }

                await traffic.SendAsync(world.Nodes[random.Next(nodes)], [domain], OnUnknown.Retry, stream: stream, account: Other, sendAt: sendAt);
            }
        }
    }
}
