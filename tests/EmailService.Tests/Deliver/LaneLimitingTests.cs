using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Shaping;
using EmailService.Smtp;
using EmailService.Steer;

namespace EmailService.Tests.Deliver;

public sealed class LaneLimitingTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(0, 0, 0, 0, false, true, LaneLimiter.NothingDue)]
    [InlineData(5, 0, 1, 0, false, true, LaneLimiter.Starting)]
    [InlineData(5, 0, 4, 0, false, true, LaneLimiter.Window)]
    [InlineData(5, 0, 10, 0, false, true, LaneLimiter.Connections)]
    [InlineData(0, 1, 1, 0, false, true, LaneLimiter.Rate)]
    [InlineData(5, 0, 2, 1, false, true, LaneLimiter.AllConnections)]
    [InlineData(0, 0, 0, 0, true, true, LaneLimiter.Rest)]
    [InlineData(5, 2, 10, 0, true, false, LaneLimiter.Store)]
    [InlineData(0, 0, 0, 0, false, false, LaneLimiter.NothingDue)]
    public void One_thing_limits(int waiting, int paced, int workers, int withoutConnection, bool isResting, bool stores, LaneLimiter limiter) =>
        Assert.Equal(limiter, LaneLimiting.Of(Situation() with
        {
            Waiting = waiting, Paced = paced, Workers = workers, WithoutConnection = withoutConnection, IsResting = isResting, Stores = stores,
        }).By);

    [Fact]
    public void A_limit_comes_with_its_figure_and_its_origin()
    {
        Assert.Equal(new LimitedBy(LaneLimiter.Connections, 20, "blocks.x in shipped"), LaneLimiting.Of(Situation() with { Waiting = 1, Workers = 10 }));
        Assert.Equal(new LimitedBy(LaneLimiter.Window, 4, "learned: the site takes 4"), LaneLimiting.Of(Situation() with { Waiting = 1, Workers = 4, Ceiling = 4 }));
        Assert.Equal(new LimitedBy(LaneLimiter.Rate, 2, "domains.x in file"), LaneLimiting.Of(Situation() with { Paced = 1 }));
        Assert.Equal(new LimitedBy(LaneLimiter.Rate, 1, "lowered by an overlay"), LaneLimiting.Of(Situation() with { Paced = 1, Rate = 1 }));
        Assert.Equal(new LimitedBy(LaneLimiter.Connections, 2, "lowered by an overlay"), LaneLimiting.Of(Situation() with { Waiting = 1, Workers = 2, Allowed = 2 }));
    }

    [Fact]
    public void A_minute_counts_the_last_minute_only()
    {
        var record = new LaneRecord();
        record.Add(Outcome(Disposition.Delivered), TimeSpan.FromSeconds(1), Now);
        record.Add(Outcome(Disposition.Unknown), TimeSpan.FromSeconds(2), Now.AddSeconds(30));
        record.Add(Outcome(Disposition.Bounced), TimeSpan.FromSeconds(1), Now.AddSeconds(59));

        Assert.Equal(1, record.SecondsPerMessage);
        Assert.Equal(new OutcomeCounts(1, 1, 1), record.Minute(Now.AddSeconds(59)));
        Assert.Equal(new OutcomeCounts(0, 1, 1), record.Minute(Now.AddSeconds(61)));
        Assert.Equal(default, record.Minute(Now.AddMinutes(5)));
    }

    [Fact]
    public void An_hour_counts_the_last_hour_only()
    {
        var record = new LaneRecord();
        record.Add(Outcome(Disposition.Delivered), TimeSpan.FromSeconds(1), Now);
        record.Add(Outcome(Disposition.Deferred), TimeSpan.FromSeconds(1), Now.AddMinutes(30));

        Assert.Equal(new OutcomeCounts(1, 1, 0), record.Hour(Now.AddMinutes(54)));
        Assert.Equal(new OutcomeCounts(0, 1, 0), record.Hour(Now.AddMinutes(61)));
        Assert.Equal(default, record.Hour(Now.AddHours(3)));
        Assert.Equal(Now.AddMinutes(30), record.LastAt);
    }

    [Fact]
    public void The_last_refusals_are_kept_besides_the_last_delivery()
    {
        var record = new LaneRecord();
        for (var i = 0; i < 10; i++)
        {
            record.Add(Outcome(Disposition.Deferred), TimeSpan.Zero, Now.AddSeconds(i));
        }

        record.Add(Outcome(Disposition.Delivered), TimeSpan.Zero, Now.AddSeconds(10));
        record.Add(Outcome(Disposition.Delivered), TimeSpan.Zero, Now.AddSeconds(11));

        Assert.Equal([11, 9, 8, 7, 6], record.Outcomes.Select(o => (o.At - Now).TotalSeconds));
    }

    private static Outcome Outcome(Disposition disposition) => new(disposition, null, SmtpStage.EndOfData, new SmtpReply(250, null, "ok"));

    private static LaneSituation Situation() => new()
    {
        Waiting = 0, Paced = 0, Workers = 0, WithoutConnection = 0, Share = 10, Window = 4, Allowed = 4, Ceiling = null, Rate = 2, IsRateLearned = false, IsResting = false, Stores = true, AllConnections = 500,
        Limits = new LaneLimits
        {
            Connections = new(20, "blocks.x in shipped"), MessagesPerConnection = new(100, "default"), MessagesPerSecond = new(2, "domains.x in file"),
            IdleTimeout = new(TimeSpan.FromSeconds(5), "default"),
        },
    };
}
