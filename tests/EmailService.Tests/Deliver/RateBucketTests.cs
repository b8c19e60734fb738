using EmailService.Deliver;
using EmailService.TestKit;

namespace EmailService.Tests.Deliver;

public sealed class RateBucketTests
{
    private readonly ManualTime time = new();
    private readonly RateBucket bucket = new();

    [Fact]
    public void Those_who_come_together_go_one_after_the_other() =>
        Assert.Equal([0, 500, 1000, 1500], Enumerable.Range(0, 4).Select(_ => bucket.Take(time.GetUtcNow(), 2).TotalMilliseconds));

    [Fact]
    public void A_pause_saves_nothing_up()
    {
        bucket.Take(time.GetUtcNow(), 2);
        time.Advance(TimeSpan.FromHours(1));

        Assert.Equal([0, 500], Enumerable.Range(0, 2).Select(_ => bucket.Take(time.GetUtcNow(), 2).TotalMilliseconds));
    }

    [Fact]
    public void Who_comes_late_takes_nothing_from_the_rate()
    {
        bucket.Take(time.GetUtcNow(), 2);
        time.Advance(TimeSpan.FromMilliseconds(400));

        Assert.Equal(100, bucket.Take(time.GetUtcNow(), 2).TotalMilliseconds);
    }

    [Fact]
    public void A_clock_that_is_set_back_delays_nobody()
    {
        var before = time.GetUtcNow();
        bucket.Take(before, 2);

        Assert.Equal([500, 1000], Enumerable.Range(0, 2).Select(_ => bucket.Take(before.AddHours(-1), 2).TotalMilliseconds));
    }

    [Fact]
    public void No_limit_never_waits() =>
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.Equal(TimeSpan.Zero, bucket.Take(time.GetUtcNow(), 0)));

    [Fact]
    public void No_second_has_more_than_the_rate_allows()
    {
        var chance = new Random(5);
        var turns = new List<DateTimeOffset>();
        for (var i = 0; i < 2000; i++)
        {
            turns.Add(time.GetUtcNow() + bucket.Take(time.GetUtcNow(), 20));
            time.Advance(TimeSpan.FromMilliseconds(chance.Next(0, 100)));
        }

        Assert.All(turns, t => Assert.InRange(turns.Count(u => u >= t && u < t + TimeSpan.FromMilliseconds(999)), 1, 20));
    }
}
