using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

public sealed class ManualTimeTests
{
    [Fact]
    public void Timers_fire_in_the_order_of_their_times_each_at_its_own()
    {
        var time = new ManualTime();
        var start = time.GetUtcNow();
        var fired = new List<string>();
        void Note(string name) => fired.Add($"{name}@{(time.GetUtcNow() - start).TotalSeconds}");
        using var late = time.CreateTimer(_ => Note("late"), null, Seconds(5), Timeout.InfiniteTimeSpan);
        using var early = time.CreateTimer(_ => Note("early"), null, Seconds(2), Timeout.InfiniteTimeSpan);
        using var often = time.CreateTimer(_ => Note("often"), null, Seconds(3), Seconds(3));
        using var gone = time.CreateTimer(_ => Note("gone"), null, Seconds(1), Timeout.InfiniteTimeSpan);
        gone.Dispose();
        time.Advance(Seconds(1));
        Assert.Empty(fired);
        time.Advance(Seconds(6));
        Assert.Equal(["early@2", "often@3", "late@5", "often@6"], fired);
        Assert.Equal(Seconds(7), time.GetUtcNow() - start);
    }

    [Fact]
    public async Task Delays_and_deadlines_go_by_it()
    {
        var time = new ManualTime();
        var delay = Task.Delay(Seconds(10), time);
        using var deadline = new CancellationTokenSource(Seconds(20), time);
        await time.WhenTimers(2);
        time.Advance(Seconds(10));
        await delay;
        Assert.False(deadline.IsCancellationRequested);
        time.Advance(Seconds(10));
        Assert.True(deadline.IsCancellationRequested);
        Assert.Equal(0, time.TimerCount);
    }

    [Fact]
    public void A_timer_set_by_a_timer_fires_in_the_same_advance()
    {
        var time = new ManualTime();
        var count = 0;
        ITimer? timer = null;
        timer = time.CreateTimer(_ => { count++; timer!.Change(Seconds(1), Timeout.InfiniteTimeSpan); }, null, Seconds(1), Timeout.InfiniteTimeSpan);
        time.Advance(Seconds(100));
        Assert.Equal(100, count);
        timer.Dispose();
    }

    private static TimeSpan Seconds(int n) => TimeSpan.FromSeconds(n);
}
