using EmailService.Deliver;
using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Tests.Deliver;

/// <summary>Nodes that always have mail for a site, and a site that takes so much in any second. A node hears once a second what the others
/// learned, each at a moment of its own.</summary>
public sealed class LearnedPaceOfNodesTests(ITestOutputHelper output)
{
    private static readonly DateTimeOffset Start = new(2026, 11, 22, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(20, 1)]
    [InlineData(20, 3)]
    [InlineData(20, 5)]
    [InlineData(3, 1)]
    [InlineData(200, 1)]
    [InlineData(200, 3)]
    [InlineData(1, 1)]
    [InlineData(40, 3)]
    [InlineData(11, 2)]
    public void They_settle_at_what_a_site_takes_use_nine_tenths_and_are_refused_once_in_twenty_at_most(int allowed, int nodes)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var world = new World(nodes, allowed, seed);
            world.RunTo(60);
            AssertSettled(world, 120, $"seed {seed}");
        }
    }

    [Fact]
    public void One_that_has_mail_alone_has_all_of_it()
    {
        var world = new World(nodes: 3, allowed: 20, seed: 1);
        world.HaveMail(0);
        world.RunTo(30);
        AssertSettled(world, 30, "alone");
    }

    [Fact]
    public void One_that_comes_later_or_ends_changes_who_has_what_and_not_how_much_it_is()
    {
        var world = new World(nodes: 3, allowed: 20, seed: 1);
        world.HaveMail(0);
        world.RunTo(40);
        world.HaveMail(0, 1, 2);
        world.RunTo(45);
        AssertSettled(world, 40, "two more have come");

        world.HaveMail(2);
        world.RunTo(90);
        AssertSettled(world, 40, "one is left");
        Assert.Equal(1, world.PartOf(2), 0.05);
    }

    [Fact]
    public void What_one_with_little_mail_leaves_is_for_the_others()
    {
        var world = new World(nodes: 3, allowed: 20, seed: 1);
        world.HaveMail(0, 2);
        world.HaveLittleMail(1, perSecond: 2);
        world.RunTo(60);
        AssertSettled(world, 60, "one has 2 a second");

        Assert.Equal(0.1, world.PartOf(1), 0.02);
        Assert.Equal(0.45, world.PartOf(0), 0.05);
        Assert.Equal(0.45, world.PartOf(2), 0.05);
    }

    [Theory]
    [InlineData(20, 40)]
    [InlineData(40, 20)]
    public void They_follow_a_site_that_comes_to_take_more_or_less(int first, int then)
    {
        var world = new World(nodes: 3, allowed: first, seed: 1);
        world.RunTo(60);
        world.Allowed = then;
        world.RunTo(180);
        AssertSettled(world, 60, $"{first}, then {then}");
    }

    [Theory]
    [InlineData(1, 10)]
    [InlineData(1, 60)]
    [InlineData(3, 60)]
    [InlineData(3, 300)]
    public void After_a_time_in_which_a_site_refused_all_they_come_back_within_ten_minutes(int nodes, int seconds)
    {
        var world = new World(nodes, allowed: 20, seed: 1);
        world.RunTo(1200);
        world.Allowed = 0;
        world.RunTo(1200 + seconds);
        world.Allowed = 20;
        world.RunTo(1200 + seconds + 600);
        AssertSettled(world, 120, $"{nodes} nodes, {seconds} s of refusals");
    }

    [Fact]
    public void What_was_learned_is_not_kept_longer_for_being_told()
    {
        var (one, two) = (new Node(new NodeShare(0, 2)), new Node(new NodeShare(1, 2)));
        one.Pace.Observe(PaceSignal.TooMany, 1, 0, Start, one.Share);
        two.Pace.Hear([one.Pace.Tell(1, 1, Start)!], 0, Start.AddMinutes(20));

        Assert.NotNull(two.Pace.Tell(0, 0, Start.AddMinutes(20)));
        Assert.False(two.Pace.IsForgettable(Start + LanePace.Memory - TimeSpan.FromSeconds(1)));
        Assert.True(two.Pace.IsForgettable(Start + LanePace.Memory));
    }

    [Fact]
    public void Of_the_sessions_that_a_site_takes_those_have_a_part_that_send_there()
    {
        var nodes = Enumerable.Range(0, 3).Select(n => new Node(new NodeShare(n, 3))).ToList();
        nodes[2].Pace.Observe(PaceSignal.Refused, 5, 5, Start, nodes[2].Share);
        Assert.Equal(5, nodes[2].Pace.Connections(nodes[2].Share with { Nodes = 1, Position = 0 }));

        var (idle, busy) = (new PaceTold { NodeId = 0 }, new PaceTold { NodeId = 1, Sessions = 1 });
        nodes[2].Pace.Hear([idle], 5, Start);
        Assert.Equal(5, nodes[2].Pace.Dared);
        nodes[2].Pace.Hear([idle, busy], 5, Start);
        Assert.Equal(2, nodes[2].Pace.Dared);
    }

    [Fact]
    public void A_clock_that_is_set_back_does_not_keep_refusals_from_counting()
    {
        var rate = new LearnedRate();
        rate.TooMany(Start.AddHours(1));
        rate.TooMany(Start.AddSeconds(0.5));
        rate.TooMany(Start.AddSeconds(2));
        Assert.InRange(rate.Learned!.Ceiling, 0.9, 0.99);

        var meter = new RateMeter(TimeSpan.FromSeconds(1));
        meter.Count(Start.AddHours(1));
        for (var i = 0; i < 50; i++)
        {
            meter.Count(Start.AddSeconds(i / 10.0));
        }

        Assert.InRange(meter.Average(Start.AddSeconds(5)), 5, 15);
    }

    [Fact]
    public void A_site_that_counts_each_node_for_itself_gets_what_it_takes_of_each()
    {
        var world = new World(nodes: 3, allowed: 20, seed: 1) { CountsEachNode = true };
        world.RunTo(60);
        AssertSettled(world, 60, "20 of each");
    }

    private void AssertSettled(World world, int seconds, string what)
    {
        var (used, refused) = world.Measure(seconds);
        output.WriteLine($"{what}: {used:P1} used, {refused:P1} refused");
        Assert.InRange(used, 0.9, 1.01);
        Assert.InRange(refused, 0, 0.05);
    }

    private sealed class World
    {
        private readonly Node[] nodes;
        private readonly PriorityQueue<(Node Node, bool Exchanges), DateTimeOffset> turns = new();
        private readonly Random random;
        private DateTimeOffset now = Start;

        public World(int nodes, int allowed, int seed)
        {
            (random, Allowed) = (new Random(seed), allowed);
            this.nodes = [.. Enumerable.Range(0, nodes).Select(n => new Node(new NodeShare(n, nodes)))];
            foreach (var node in this.nodes)
            {
                turns.Enqueue((node, true), Start.AddSeconds(random.NextDouble()));
            }

            HaveMail([.. Enumerable.Range(0, nodes)]);
        }

        public int Allowed { get; set; }

        public bool CountsEachNode { get; init; }

        /// <summary>These always have more, and others nothing.</summary>
        public void HaveMail(params int[] which)
        {
            for (var i = 0; i < nodes.Length; i++)
            {
                nodes[i].Every = which.Contains(i) ? TimeSpan.Zero : null;
                if (which.Contains(i) && !nodes[i].IsUnderWay)
                {
                    nodes[i].IsUnderWay = true;
                    turns.Enqueue((nodes[i], false), now);
                }
            }
        }

        public void HaveLittleMail(int which, int perSecond)
        {
            nodes[which].Every = TimeSpan.FromSeconds(1.0 / perSecond);
            nodes[which].IsUnderWay = true;
            turns.Enqueue((nodes[which], false), now);
        }

        public void RunTo(int seconds)
        {
            while (turns.TryPeek(out _, out var next) && next < Start.AddSeconds(seconds))
            {
                turns.TryDequeue(out var turn, out now);
                if (turn.Exchanges)
                {
                    Exchange(turn.Node);
                    turns.Enqueue(turn, now.AddSeconds(1));
                }
                else
                {
                    Send(turn.Node);
                }
            }
        }

        public (double Used, double Refused) Measure(int seconds)
        {
            RunTo((int)Math.Round((now - Start).TotalSeconds));
            var began = now;
            foreach (var node in nodes)
            {
                (node.Sent, node.Refused) = (0, 0);
            }

            RunTo((int)Math.Round((began - Start).TotalSeconds) + seconds);
            var (sent, refused) = (nodes.Sum(n => n.Sent), nodes.Sum(n => n.Refused));
            return (sent / (now - began).TotalSeconds / Allowed / (CountsEachNode ? nodes.Length : 1), (double)refused / (sent + refused));
        }

        /// <summary>Of what was sent since the last measuring began.</summary>
        public double PartOf(int node) => (double)nodes[node].Sent / nodes.Sum(n => n.Sent);

        private void Exchange(Node node)
        {
            node.Told = node.Pace.Tell(node.IsUnderWay ? 2 : 0, node.Every == TimeSpan.Zero ? 100 : 0, now);
            node.Pace.Hear([.. nodes.Where(n => n != node).Select(n => n.Told).OfType<PaceTold>()], node.IsUnderWay ? 2 : 0, now);
        }

        private void Send(Node node)
        {
            if (node.HasTurn)
            {
                var taken = CountsEachNode ? node.Taken : nodes[0].Taken;
                while (taken.TryPeek(out var first) && now - first >= TimeSpan.FromSeconds(1))
                {
                    taken.Dequeue();
                }

                var isTaken = taken.Count < Allowed;
                if (isTaken)
                {
                    taken.Enqueue(now);
                    node.Sent++;
                }
                else
                {
                    node.Refused++;
                }

                node.Pace.Observe(isTaken ? PaceSignal.Answered : PaceSignal.TooMany, 2, 1, now, node.Share);
            }

            // The way to the host takes its time, now more, now less.
            node.IsUnderWay = node.HasTurn = node.Every is not null;
            if (node.Every is { } every)
            {
                var next = node.HadTurnAt + every > now ? node.HadTurnAt + every : now;
                node.HadTurnAt = next;
                turns.Enqueue((node, false), next + node.Pace.Take(next, node.Share) + TimeSpan.FromMilliseconds(1 + random.Next(5)));
            }
        }
    }

    private sealed class Node(NodeShare share)
    {
        public LanePace Pace { get; } = new()
        {
            NodeId = share.Position,
            Limits = new LaneLimits
            {
                Connections = new(20, "test"), MessagesPerConnection = new(100, "test"), MessagesPerSecond = new(0, "test"),
                IdleTimeout = new(TimeSpan.FromSeconds(10), "test"),
            },
        };

        public NodeShare Share => share;

        public PaceTold? Told { get; set; }

        public Queue<DateTimeOffset> Taken { get; } = new();

        /// <summary>Zero: there is always more. Null: there is none.</summary>
        public TimeSpan? Every { get; set; }

        public DateTimeOffset HadTurnAt { get; set; } = Start;

        public bool HasTurn { get; set; }

        public bool IsUnderWay { get; set; }

        public int Sent { get; set; }

        public int Refused { get; set; }
    }
}
