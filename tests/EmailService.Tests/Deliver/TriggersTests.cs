using EmailService.Deliver;
using EmailService.Record;

namespace EmailService.Tests.Deliver;

public sealed class TriggersTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);
    private readonly Triggers triggers = new();

    [Fact]
    public void The_first_match_is_enough_where_no_count_is_given() => Assert.True(Hit(0, count: 1));

    [Fact]
    public void The_third_within_the_time_is_the_one()
    {
        Assert.Equal([false, false, true], new[] { 0, 1, 2 }.Select(second => Hit(second)));

        // And counting begins anew.
        Assert.Equal([false, false, true], new[] { 10, 11, 12 }.Select(second => Hit(second)));
    }

    [Fact]
    public void What_lies_too_far_apart_does_not_add_up() =>
        Assert.Equal([false, false, false, true], new[] { 0, 30, 61, 62 }.Select(second => Hit(second)));

    [Fact]
    public void Lanes_and_rules_are_counted_apart()
    {
        Assert.Equal([false, false, false], new[] { "a", "b", "c" }.Select(lane => Hit(0, lane: lane)));
        Assert.False(Hit(1, rule: "other", lane: "a"));
        Assert.False(Hit(1, lane: "a"));
        Assert.True(Hit(2, lane: "a"));
    }

    [Fact]
    public void An_attempt_that_began_before_the_action_was_due_does_not_count_for_the_next()
    {
        Assert.True(Hit(10, count: 1));

        Assert.False(Hit(11, count: 1, startedAt: 9));
        Assert.True(Hit(12, count: 1, startedAt: 11));
    }

    [Theory]
    [InlineData(ReplyActionKind.SuspendLane, false)]
    [InlineData(ReplyActionKind.NextSource, false)]
    [InlineData(ReplyActionKind.LowerRate, true)]
    public void A_delivery_between_shows_that_the_lane_is_not_shut(ReplyActionKind kind, bool isDue)
    {
        Hit(0, kind: kind);
        Hit(1, kind: kind);
        triggers.Delivered("another lane");
        triggers.Delivered("lane");

        Assert.Equal(isDue, Hit(2, kind: kind));
    }

    [Fact]
    public void However_many_lanes_there_are_it_stays_bounded_and_goes_on()
    {
        for (var i = 0; i < 10_000; i++)
        {
            Assert.False(Hit(0, lane: $"lane {i}"));
        }

        Assert.Equal([false, false, true], new[] { 1, 2, 3 }.Select(second => Hit(second, lane: "late")));
    }

    private bool Hit(int second, int count = 3, string rule = "rule", string lane = "lane", int? startedAt = null, ReplyActionKind kind = ReplyActionKind.SuspendLane) => triggers.Hit(
        rule, lane, new ReplyAction(kind, TimeSpan.FromMinutes(1), 1, count, TimeSpan.FromMinutes(1)),
        Now.AddSeconds(startedAt ?? second), Now.AddSeconds(second));
}
