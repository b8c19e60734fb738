using EmailService.Steer;

namespace EmailService.Tests.Steer;

public sealed class LaneViewTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private static readonly NodeSeen One = new(1, "one", 11, new NodeStatus { HasRoom = true, Stores = true, InHandLimit = 8000 });

    private static readonly NodeSeen Two = new(2, "two", 22, new NodeStatus { HasRoom = true, Stores = true, InHandLimit = 8000 });

    [Fact]
    public void Figures_of_all_processes_add_up_and_the_busiest_says_what_limits()
    {
        var view = Of(Table(due: 5), [One, Two],
            new LaneStatusOf(One, Status(LaneLimiter.Window, waiting: 3, connections: 2)), new LaneStatusOf(Two, Status(LaneLimiter.Rate, waiting: 9, connections: 3)));

        Assert.Equal(5 + 3 + 9, view.Depth.Total);
        Assert.Equal((5, 10), (view.Connections.Open, view.Connections.Window));
        Assert.Equal(new OutcomeCounts(20, 2, 0), view.PerMinute);
        Assert.Equal(LaneLimiter.Rate, view.LimitedBy.By);
    }

    [Fact]
    public void What_a_site_takes_is_known_for_all_processes_together()
    {
        var known = Status(LaneLimiter.Window, waiting: 3, connections: 2) with { WindowCeiling = 5 };
        var behind = Status(LaneLimiter.Window, waiting: 3, connections: 2) with { WindowCeiling = 4 };

        Assert.Equal(5, Of(Table(), [One, Two], new LaneStatusOf(One, known), new LaneStatusOf(Two, behind)).Connections.Ceiling);
        Assert.Null(Of(Table(), [One], new LaneStatusOf(One, Status(LaneLimiter.Window, 1, 1))).Connections.Ceiling);
    }

    [Theory]
    [InlineData(0.5, 0, 10, 1200)]
    [InlineData(0.5, 2, 10, 120)]
    [InlineData(null, 2, 10, 120)]
    public void Ceiling_is_what_the_limits_allow(double? seconds, double perSecond, int allowed, double perMinute)
    {
        var status = Status(LaneLimiter.Connections, 1, 1) with
        {
            SecondsPerMessage = seconds, ConnectionsAllowed = allowed, RateLimit = new Figure(perSecond, "default in shipped"),
        };

        Assert.Equal(perMinute, Of(Table(), [One], new LaneStatusOf(One, status)).CeilingPerMinute);
    }

    [Fact]
    public void Without_a_limit_and_without_a_delivery_there_is_no_ceiling() =>
        Assert.Null(Of(Table(), [One], new LaneStatusOf(One, Status(LaneLimiter.Starting, 1, 0))).CeilingPerMinute);

    [Fact]
    public void What_waits_in_the_table_alone_is_limited_by_who_could_take_it()
    {
        var full = One with { Status = One.Status! with { HasRoom = false } };
        var broken = One with { Status = One.Status! with { Stores = false } };

        Assert.Equal(LaneLimiter.NothingDue, Of(Table(due: 0, later: 3), []).LimitedBy.By);
        Assert.Equal(LaneLimiter.NoNode, Of(Table(due: 1), []).LimitedBy.By);
        Assert.Equal(LaneLimiter.Memory, Of(Table(due: 1), [full]).LimitedBy.By);
        Assert.Equal(LaneLimiter.Store, Of(Table(due: 1), [broken]).LimitedBy.By);
        Assert.Equal(LaneLimiter.Starting, Of(Table(due: 1), [full, Two]).LimitedBy.By);
    }

    [Theory]
    [InlineData("provider:x", null, null, LaneLimiter.Suspended)]
    [InlineData(null, "x.test", null, LaneLimiter.Suspended)]
    [InlineData(null, "y.test", null, LaneLimiter.Window)]
    [InlineData("provider:x", null, "shop", LaneLimiter.Window)]
    public void A_suspension_of_all_that_goes_there_is_what_limits(string? lane, string? domain, string? account, LaneLimiter limiter)
    {
        var overlay = new ShownOverlay(7, "suspend", lane, null, domain, account, null, null, Now.AddHours(1), "operator", null, null, Now, Now);

        var view = LaneView.Of("provider:x", Table(due: 1), [new LaneStatusOf(One, Status(LaneLimiter.Window, 1, 1))], [One], [overlay]);

        Assert.Equal(limiter, view.LimitedBy.By);
        Assert.Equal(domain != "y.test", view.Overlays.Count == 1);
    }

    [Fact]
    public void Replies_are_told_newest_first_without_those_to_whom_they_were()
    {
        var status = Status(LaneLimiter.Window, 1, 1) with { Replies = [new LaneReply(Now, "deferred", "450 4.2.1 <Anna.Blum+x@x.test>: try later", false)] };
        var table = Table() with { Replies = [new LaneReply(Now.AddMinutes(-1), "deferred", "421 4.7.0 too many", false)] };

        var view = Of(table, [One], new LaneStatusOf(One, status));

        Assert.Equal(["450 4.2.1 <…@x.test>: try later", "421 4.7.0 too many"], view.Replies.Select(r => r.Reply));
    }

    [Fact]
    public void Table_has_a_line_per_lane_and_says_who_delivers()
    {
        var view = Of(Table(due: 1200, atLeast: true), [One], new LaneStatusOf(One, Status(LaneLimiter.Connections, 3, 2) with { LimitedBy = new LimitedBy(LaneLimiter.Connections, 20, "blocks.x in shipped") }));

        var text = LaneText.Table(new LanePage([view], [One], 1, null), Now);

        Assert.Contains("provider:x  ≥1,200", text, StringComparison.Ordinal);
        Assert.Contains("connections 20", text, StringComparison.Ordinal);
        Assert.Contains("process 1 on one", text, StringComparison.Ordinal);
    }

    [Fact]
    public void One_lane_names_the_origin_of_its_limit()
    {
        var view = Of(Table(due: 1), [One], new LaneStatusOf(One, Status(LaneLimiter.Connections, 3, 2) with { LimitedBy = new LimitedBy(LaneLimiter.Connections, 20, "blocks.x in shipped") }));

        Assert.Contains("connections 20, blocks.x in shipped", LaneText.One(view, Now), StringComparison.Ordinal);
    }

    private static LaneView Of(LaneInTable table, IReadOnlyList<NodeSeen> nodes, params LaneStatusOf[] seen) => LaneView.Of("provider:x", table, seen, nodes, []);

    private static LaneInTable Table(int due = 0, int later = 0, bool atLeast = false) => new(due, later, atLeast, due + later > 0 ? Now : null, []);

    private static LaneStatus Status(LaneLimiter limiter, int waiting, int connections) => new()
    {
        Lane = "provider:x", Domains = ["x.test"], Waiting = waiting, Connections = connections, ConnectionsAllowed = 5, Window = 5,
        ConnectionsLimit = new Figure(20, "blocks.x in shipped"), RateLimit = new Figure(0, "default in shipped"), Minute = new OutcomeCounts(10, 1, 0),
        LimitedBy = new LimitedBy(limiter),
    };
}
