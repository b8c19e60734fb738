using EmailService.Deliver;
using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Tests.Deliver;

/// <summary>Nodes that always have mail for a site, and a site that takes so much in any second. A node hears twice a second what the others
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
            AssertSettled(world, Math.Max(120, 300 / allowed), $"seed {seed}");
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
    public void After_a_time_in_which_a_site_refused_all_they_come_back_within_five_minutes(int nodes, int seconds)
    {
        var world = new World(nodes, allowed: 20, seed: 1);
        world.RunTo(1200);
        world.Allowed = 0;
        world.RunTo(1200 + seconds);
        world.Allowed = 20;
        world.RunTo(1200 + seconds + 300);
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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Mail_that_comes_again_to_nodes_that_have_no_other_takes_its_part_and_is_not_refused(int senders)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var world = new World(nodes: 3, allowed: 20, seed) { ComesAgain = true };
            world.HaveMail([.. Enumerable.Range(0, senders)]);
            world.RunTo(45);
            AssertSettled(world, 120, $"{senders} of 3 have mail, seed {seed}");
        }
    }

    [Fact]
    public void A_site_that_counts_each_node_for_itself_gets_what_it_takes_of_each()
    {
        var world = new World(nodes: 3, allowed: 20, seed: 1) { CountsEachNode = true };
        world.RunTo(60);
        AssertSettled(world, 60, "20 of each");
    }

    [Theory]
    [InlineData(600, 600, 600)]
    [InlineData(900, 600, 300)]
    [InlineData(1200, 400, 200)]
    [InlineData(1800, 0, 0)]
    public void What_a_node_leaves_whose_mail_comes_to_its_end_the_others_have_at_once(int first, int second, int third)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var world = new World(nodes: 3, allowed: 20, seed) { ComesAgain = true };
            world.HaveMail();
            world.Add(0, first);
            world.Add(1, second);
            world.Add(2, third);
            world.RunTo(45);
            AssertSettled(world, 25, $"{first}, {second} and {third}, seed {seed}");
        }
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Mail_that_is_tried_for_the_first_time_by_a_node_with_little_does_not_wait_until_others_leave_room(double perSecond)
    {
        var (waits, used, refused) = (new List<double>(), 0.0, 0.0);
        for (var seed = 0; seed < 10; seed++)
        {
            var world = new World(nodes: 3, allowed: 20, seed) { ComesAgain = true };
            world.HaveMail(0, 1);
            world.HaveMailNowAndThen(2, perSecond);
            world.RunTo(90);
            var measured = world.Measure(200);
            (used, refused) = (used + (measured.Used / 10), refused + (measured.Refused / 10));
            waits.AddRange(world.Nodes[2].Waits);
        }

        waits.Sort();
        output.WriteLine($"{perSecond} a second: {used:P1} used, {refused:P1} refused, {waits.Average():0.00} s on average, 95 of 100 within {waits[waits.Count * 95 / 100]:0.00} s");
        Assert.InRange(waits.Average(), 0, 0.5);
        Assert.InRange(used, 0.8, 1.01);
        Assert.InRange(refused, 0, 0.05);
    }

    [Theory]
    [InlineData(8, 10)]
    [InlineData(10, 10)]
    [InlineData(20, 30)]
    [InlineData(100, 60)]
    public void Mail_that_comes_to_all_nodes_at_the_same_moment_again_and_again_is_not_refused(int each, int seconds)
    {
        var world = new World(nodes: 3, allowed: 20, seed: 1);
        world.RunTo(60);
        world.HaveMail();
        world.RunTo(70);
        for (var i = 1; i <= 60; i++)
        {
            foreach (var node in Enumerable.Range(0, 3))
            {
                world.Add(node, each);
            }

            world.RunTo(70 + (i * seconds));
        }

        var (sent, refused) = (world.Nodes.Sum(n => n.Sent), world.Nodes.Sum(n => n.Refused));
        var ceiling = world.Nodes[0].Told!.RateLearned!.Ceiling;
        output.WriteLine($"3 × {each} each {seconds} s: {(double)refused / (sent + refused):P1} refused, ceiling {ceiling:0.0}");
        Assert.InRange(refused, 0, (sent + refused) / 20);
        Assert.InRange(ceiling, 15, 60);
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(2, 3)]
    [InlineData(1, 3)]
    public void More_nodes_than_a_site_takes_a_second_are_refused_once_in_eight_at_most(int allowed, int nodes)
    {
        var (used, refused) = (0.0, 0.0);
        for (var seed = 0; seed < 10; seed++)
        {
            var world = new World(nodes, allowed, seed);
            world.RunTo(120);
            var measured = world.Measure(300);
            (used, refused) = (used + (measured.Used / 10), refused + (measured.Refused / 10));
        }

        output.WriteLine($"{nodes} nodes, {allowed} a second: {used:P1} used, {refused:P1} refused");
        Assert.InRange(refused, 0, 0.125);
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
        private const int Workers = 2;
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);
        private static readonly TimeSpan ComesAgainAfter = TimeSpan.FromMinutes(1);

        private readonly PriorityQueue<Action, DateTimeOffset> events = new();
        private readonly Queue<DateTimeOffset> taken = new();
        private readonly Random random;
        private DateTimeOffset now = Start;

        public World(int nodes, int allowed, int seed)
        {
            (random, Allowed) = (new Random(seed), allowed);
            Nodes = [.. Enumerable.Range(0, nodes).Select(n => new Node(new NodeShare(n, nodes)))];
            foreach (var node in Nodes)
            {
                At(Start + (random.NextDouble() * Interval), () => Exchange(node));
            }

            HaveMail([.. Enumerable.Range(0, nodes)]);
        }

        public Node[] Nodes { get; }

        public int Allowed { get; set; }

        public bool CountsEachNode { get; init; }

        /// <summary>What is refused comes to one of the nodes again, after a minute.</summary>
        public bool ComesAgain { get; init; }

        /// <summary>These always have more, and others nothing.</summary>
        public void HaveMail(params int[] which)
        {
            for (var i = 0; i < Nodes.Length; i++)
            {
                Nodes[i].HasMail = which.Contains(i);
                Nodes[i].Waiting.Clear();
                Begin(Nodes[i]);
            }
        }

        public void HaveLittleMail(int which, int perSecond) => At(now.AddSeconds(1.0 / perSecond), () =>
        {
            Add(which);
            HaveLittleMail(which, perSecond);
        });

        public void HaveMailNowAndThen(int which, double perSecond) => At(now.AddSeconds(-Math.Log(1 - random.NextDouble()) / perSecond), () =>
        {
            Add(which);
            HaveMailNowAndThen(which, perSecond);
        });

        public void Add(int which, int count = 1, bool isUrgent = true)
        {
            for (var i = 0; i < count; i++)
            {
                Nodes[which].Pace.Arrived(now);
                Nodes[which].Waiting.Enqueue((now, isUrgent));
            }

            Begin(Nodes[which]);
        }

        public void RunTo(int seconds)
        {
            while (events.TryPeek(out _, out var next) && next < Start.AddSeconds(seconds))
            {
                events.TryDequeue(out var happen, out now);
                happen!();
            }

            now = Start.AddSeconds(seconds);
        }

        public (double Used, double Refused) Measure(int seconds)
        {
            var began = now;
            foreach (var node in Nodes)
            {
                (node.Sent, node.Refused) = (0, 0);
                node.Waits.Clear();
            }

            RunTo((int)Math.Round((began - Start).TotalSeconds) + seconds);
            var (sent, refused) = (Nodes.Sum(n => n.Sent), Nodes.Sum(n => n.Refused));
            return (sent / (now - began).TotalSeconds / Allowed / (CountsEachNode ? Nodes.Length : 1), (double)refused / (sent + refused));
        }

        /// <summary>Of what was sent since the last measuring began.</summary>
        public double PartOf(int node) => (double)Nodes[node].Sent / Nodes.Sum(n => n.Sent);

        private void At(DateTimeOffset time, Action happen) => events.Enqueue(happen, time);

        private void Exchange(Node node)
        {
            // Who waits for a turn has not picked any yet.
            node.Told = node.Pace.Tell(node.Busy, (node.HasMail ? 100 : node.Waiting.Count) + node.Busy, now);
            node.Pace.Hear([.. Nodes.Where(n => n != node).Select(n => n.Told).OfType<PaceTold>()], node.Busy, now);
            At(now + Interval, () => Exchange(node));
        }

        private void Begin(Node node)
        {
            while (node.Busy < Workers && (node.HasMail || node.Waiting.Count > 0))
            {
                var (came, isUrgent) = node.HasMail ? (now, true) : node.Waiting.Dequeue();
                node.Busy++;

                // The way to the host takes its time, now more, now less.
                var turn = now + node.Pace.Take(now, node.Share, isUrgent);
                node.Waits.Add((turn - came).TotalSeconds);
                At(turn.AddMilliseconds(1 + random.Next(5)), () => Arrive(node));
            }
        }

        private void Arrive(Node node)
        {
            var counted = CountsEachNode ? node.Taken : taken;
            while (counted.TryPeek(out var first) && now - first >= TimeSpan.FromSeconds(1))
            {
                counted.Dequeue();
            }

            var isTaken = counted.Count < Allowed;
            if (isTaken)
            {
                counted.Enqueue(now);
                node.Sent++;
            }
            else
            {
                node.Refused++;
                if (ComesAgain)
                {
                    var other = random.Next(Nodes.Length);
                    At(now + ComesAgainAfter, () => Add(other, isUrgent: false));
                }
            }

            node.Pace.Observe(isTaken ? PaceSignal.Answered : PaceSignal.TooMany, node.Busy, node.Busy - 1, now, node.Share);
            node.Busy--;
            Begin(node);
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

        /// <summary>There is always more.</summary>
        public bool HasMail { get; set; }

        public Queue<(DateTimeOffset Came, bool IsUrgent)> Waiting { get; } = new();

        /// <summary>Seconds until each had its turn.</summary>
        public List<double> Waits { get; } = [];

        public int Busy { get; set; }

        public int Sent { get; set; }

        public int Refused { get; set; }
    }
}
