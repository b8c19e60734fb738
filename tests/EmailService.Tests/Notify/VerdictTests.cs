using EmailService.Messages;
using EmailService.Notify;

namespace EmailService.Tests.Notify;

public sealed class VerdictTests
{
    private static readonly DateTimeOffset now = new(2030, 1, 2, 0, 0, 0, TimeSpan.Zero);
    private static readonly NotifyOptions options = new();

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 10)]
    [InlineData(3, 20)]
    [InlineData(8, 640)]
    [InlineData(9, 900)]
    [InlineData(1_000_000, 900)]
    public void The_pause_doubles_from_5_seconds_to_15_minutes_with_up_to_a_quarter_on_top(int failures, double seconds)
    {
        Assert.Equal(seconds, Backoff.After(failures, options.BackoffFirst, options.BackoffMax, 0).TotalSeconds);
        Assert.Equal(seconds * 1.25, Backoff.After(failures, options.BackoffFirst, options.BackoffMax, 1).TotalSeconds);
    }

    [Theory]
    [InlineData(200, true)]
    [InlineData(202, true)]
    [InlineData(299, true)]
    [InlineData(301, false)]
    [InlineData(400, false)]
    [InlineData(410, false)]
    [InlineData(500, false)]
    [InlineData(null, false)]
    public void Only_2xx_moves_the_cursor_on(int? status, bool moves)
    {
        var settlement = Decide(status, failures: 1, 0, 1);
        Assert.Equal(moves ? new LogPlace(9, 9) : new LogPlace(1, 1), settlement.Cursor);
        Assert.Equal(moves ? 0 : 2, settlement.Failures);
        Assert.Equal(moves, settlement.NextTryAt is null);
    }

    [Fact]
    public void The_old_at_the_front_are_given_up_and_nothing_behind_a_younger_one()
    {
        var settlement = Decide(500, failures: 50, 25, 24, 23, 30);
        Assert.Equal(new LogPlace(2, 1), settlement.Cursor);
        Assert.Equal([Delivery.Failed, Delivery.GivenUp], settlement.Deliveries.Select(line => line.Outcome));
        Assert.Equal((0, 1, 2), (settlement.Deliveries[1].FirstEvent, settlement.Deliveries[1].LastEvent, settlement.Deliveries[1].EventCount));
    }

    [Fact]
    public void A_whole_batch_given_up_is_followed_soon_by_the_next()
    {
        var settlement = Decide(500, failures: 50, 30, 30);
        Assert.Equal(new LogPlace(9, 9), settlement.Cursor);
        Assert.Equal(now + options.BackoffFirst, settlement.NextTryAt);
    }

    [Fact]
    public void Events_that_are_old_when_first_tried_are_tried_three_times()
    {
        Assert.Equal(new LogPlace(1, 1), Decide(500, failures: 0, 48).Cursor);
        Assert.Equal(new LogPlace(1, 1), Decide(500, failures: 1, 48).Cursor);
        Assert.Equal(new LogPlace(9, 9), Decide(500, failures: 2, 48).Cursor);
    }

    private static Settlement Decide(int? status, int failures, params int[] hoursOld)
    {
        var claim = new Claim
        {
            WebhookId = 1,
            AccountId = 1,
            Url = "",
            Kinds = [],
            PrivateKey = [],
            Cursor = new LogPlace(1, 1),
            Failures = failures,
            NodeId = 1,
            LeasedUntil = now,
        };
        var events = hoursOld.Select((hours, i) => new LoggedEvent
        {
            Place = new LogPlace(2, i),
            Recipient = default,
            AccountId = 1,
            Kind = EventKind.Delivered,
            At = now.AddHours(-hours),
            Address = "",
        }).ToList();
        return Verdict.Of(claim, events, new LogPlace(9, 9), new PostAnswer(status, null, 5), now, now, options, 0);
    }
}
