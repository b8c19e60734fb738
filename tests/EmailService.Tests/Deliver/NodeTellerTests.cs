using EmailService.Deliver;
using EmailService.Platform;
using EmailService.TestKit;

namespace EmailService.Tests.Deliver;

public sealed class NodeTellerTests
{
    [Fact]
    public async Task Only_what_changed_is_told_and_what_is_no_more_is_taken_back()
    {
        await using var teller = await Teller.StartAsync(("a", "1"), ("b", "1"));
        Assert.Equal("a=1 b=1", teller.Last);
        Assert.Equal("", await teller.RoundAsync(("a", "1"), ("b", "1")));
        Assert.Equal("b=2", await teller.RoundAsync(("a", "1"), ("b", "2")));
        Assert.Equal("c=1 -a", await teller.RoundAsync(("b", "2"), ("c", "1")));
    }

    [Fact]
    public async Task After_a_failure_all_is_told_again_and_what_ended_meanwhile_is_taken_back()
    {
        await using var teller = await Teller.StartAsync(("a", "1"), ("b", "1"), ("c", "1"));

        teller.Fails = true;
        Assert.Equal("b=2 -c", await teller.RoundAsync(("a", "1"), ("b", "2")));
        teller.Fails = false;
        Assert.Equal("b=2 -a -c", await teller.RoundAsync(("b", "2")));
        Assert.Equal("", await teller.RoundAsync(("b", "2")));
        Assert.Equal(["no store"], teller.Problems);
    }

    [Fact]
    public async Task What_a_failed_round_may_have_told_and_is_no_more_is_taken_back()
    {
        await using var teller = await Teller.StartAsync(("a", "1"));
        teller.Fails = true;
        Assert.Equal("b=1", await teller.RoundAsync(("a", "1"), ("b", "1")));
        teller.Fails = false;
        Assert.Equal("a=1 -b", await teller.RoundAsync(("a", "1")));
    }

    [Fact]
    public async Task Every_thirty_seconds_what_dead_nodes_told_is_removed_and_all_is_told_again()
    {
        await using var teller = await Teller.StartAsync(("a", "1"));
        for (var second = 1; second < 30; second++)
        {
            Assert.Equal("", await teller.RoundAsync(("a", "1")));
        }

        Assert.Equal(1, teller.ForgettingsOfDead);
        Assert.Equal("a=1", await teller.RoundAsync(("a", "1")));
        Assert.Equal(2, teller.ForgettingsOfDead);
    }

    [Fact]
    public async Task A_node_that_stops_takes_back_what_it_told_and_stops_even_if_it_cannot()
    {
        await using var teller = await Teller.StartAsync(("a", "1"));
        await teller.StopAsync(TestContext.Current.CancellationToken);
        Assert.True(teller.IsForgotten);

        await using var cut = await Teller.StartAsync(("a", "1"));
        cut.Fails = true;
        await cut.StopAsync(TestContext.Current.CancellationToken);
        Assert.False(cut.IsForgotten);
        Assert.Equal(["no store"], cut.Problems);
    }

    private sealed class Teller(OneNode node) : NodeTeller<string>(node, TimeSpan.FromSeconds(1)), IAsyncDisposable
    {
        private readonly ManualTime time = node.Time;
        private Dictionary<string, string> now = [];

        public bool Fails { get; set; }

        /// <summary>What the last round told.</summary>
        public string Last { get; private set; } = "";

        public List<string> Problems { get; } = [];

        public int ForgettingsOfDead { get; private set; }

        public bool IsForgotten { get; private set; }

        public static async Task<Teller> StartAsync(params (string Lane, string Told)[] now)
        {
            var teller = new Teller(new OneNode()) { now = now.ToDictionary() };
            await teller.StartAsync(TestContext.Current.CancellationToken);
            await teller.time.WhenTimers(1);
            return teller;
        }

        public async Task<string> RoundAsync(params (string Lane, string Told)[] lanes)
        {
            now = lanes.ToDictionary();
            time.Advance(TimeSpan.FromSeconds(1));
            await time.WhenTimers(1);
            return Last;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync(CancellationToken.None);
            Dispose();
        }

        protected override Task TellAsync(int round, CancellationToken cancellationToken)
        {
            var (changed, gone) = SinceTold(now);
            Last = string.Join(' ', [.. changed.Select(c => $"{c.Lane}={c.Told}"), .. gone.Select(lane => "-" + lane)]);
            ThrowIfFails();
            SetTold(changed, gone);
            return Task.CompletedTask;
        }

        protected override Task ForgetDeadAsync(CancellationToken cancellationToken)
        {
            ForgettingsOfDead++;
            return Task.CompletedTask;
        }

        protected override Task ForgetAsync(CancellationToken cancellationToken)
        {
            ThrowIfFails();
            IsForgotten = true;
            return Task.CompletedTask;
        }

        protected override void LogNotTold(string problem) => Problems.Add(problem);

        private void ThrowIfFails()
        {
            if (Fails)
            {
                throw new IOException("no store");
            }
        }
    }

    private sealed class OneNode : INode
    {
        public ManualTime Time { get; } = new();

        public long NodeId => 1;

        public NodeShare Share => NodeShare.Whole;

        public TimeSpan TimeToLive => TimeSpan.FromSeconds(10);

        public bool IsAlive => true;

        public long Era => 0;

        public TimeProvider Clock => Time;
    }
}
