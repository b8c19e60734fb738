using EmailService.Record;
using EmailService.TestKit;

namespace EmailService.Tests.Record;

public sealed class RefusalWatchTests
{
    private readonly ManualTime time = new(new DateTimeOffset(2030, 1, 2, 12, 0, 0, TimeSpan.Zero));
    private readonly RefusalWatch watch;

    public RefusalWatchTests() => watch = new RefusalWatch(time);

    [Fact]
    public void Few_are_believed_and_many_are_not() =>
        Assert.Equal(Enumerable.Repeat(true, RefusalWatch.Few).Concat([false, false]), Enumerable.Range(0, RefusalWatch.Few + 2).Select(_ => Refused()));

    [Fact]
    public void As_many_as_were_delivered_are_believed()
    {
        Refused();
        for (var i = 0; i < 20; i++)
        {
            watch.Delivered(1, "shop.test");
        }

        Assert.Equal(Enumerable.Repeat(true, 19).Append(false), Enumerable.Range(0, 20).Select(_ => Refused()));
    }

    [Fact]
    public void Accounts_and_domains_are_watched_apart_and_an_hour_later_anew()
    {
        while (Refused())
        {
        }

        Assert.True(watch.IsBelieved(2, "shop.test"));
        Assert.True(watch.IsBelieved(1, "other.test"));
        time.Advance(TimeSpan.FromHours(1));
        Assert.True(Refused());
    }

    private bool Refused() => watch.IsBelieved(1, "shop.test");
}
