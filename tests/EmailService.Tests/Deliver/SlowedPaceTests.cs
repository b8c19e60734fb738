using EmailService.Deliver;
using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Tests.Deliver;

public sealed class SlowedPaceTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_lane_with_a_rate_keeps_to_a_part_of_it()
    {
        var pace = Pace(messagesPerSecond: 10);
        pace.Slow(0.5, Now);

        Assert.Equal([0, 0.2, 0.4], Turns(pace, 3));
        Assert.Equal((5, 3000), (pace.Connections(NodeShare.Whole), pace.MostWaiting(NodeShare.Whole)));
    }

    [Fact]
    public void A_lane_without_one_keeps_to_a_part_of_what_was_leaving()
    {
        var pace = Pace();
        for (var i = 0; i < 100; i++)
        {
            pace.Take(Now.AddSeconds(i / 10.0), NodeShare.Whole, isUrgent: false);
        }

        pace.Slow(0.5, Now.AddSeconds(9.9));
        pace.Slow(0.5, Now.AddSeconds(10));
        Assert.Equal([0, 0.198, 0.396], Turns(pace, 3, after: 10).Select(turn => Math.Round(turn, 3)));
        Assert.Equal(5, pace.Connections(NodeShare.Whole));

        // Lower still: of the same.
        pace.Slow(0.25, Now.AddSeconds(20));
        Assert.Equal(0.396, Math.Round(Turns(pace, 2, after: 30)[1], 3));

        pace.Slow(1, Now.AddSeconds(60));
        Assert.Equal([0, 0, 0], Turns(pace, 3, after: 60));
    }

    [Theory]
    [InlineData(0.5, 2)]
    [InlineData(0.1, 1)]
    public void Where_nothing_was_leaving_it_gives_up_connections(double factor, int connections)
    {
        var pace = Pace();
        pace.Slow(factor, Now);

        Assert.Equal(connections, pace.Connections(NodeShare.Whole));
        Assert.Equal([0, 0, 0], Turns(pace, 3));
    }

    [Fact]
    public void A_burst_that_has_just_begun_is_not_spread_over_the_silence_before_it()
    {
        var meter = new RateMeter(TimeSpan.FromSeconds(10));
        for (var i = 0; i < 50; i++)
        {
            meter.Count(Now.AddSeconds(i / 50.0));
        }

        Assert.Equal(50, meter.PerSecond(Now.AddSeconds(1)));
        Assert.Equal(0, meter.PerSecond(Now.AddSeconds(40)));
    }

    private static double[] Turns(LanePace pace, int count, double after = 0) =>
        [.. Enumerable.Range(0, count).Select(_ => pace.Take(Now.AddSeconds(after), NodeShare.Whole, isUrgent: false).TotalSeconds)];

    private static LanePace Pace(double messagesPerSecond = 0) => new()
    {
        Limits = new LaneLimits
        {
            Connections = new(20, "test"), MessagesPerConnection = new(100, "test"), MessagesPerSecond = new(messagesPerSecond, "test"),
            IdleTimeout = new(TimeSpan.FromSeconds(10), "test"),
        },
    };
}
