using EmailService.Outbox;

namespace EmailService.Tests.Outbox;

public sealed class RetryScheduleTests
{
    private static readonly OutboxOptions Options = new();
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(8, 128)]
    [InlineData(9, 240)]
    [InlineData(100, 240)]
    [InlineData(int.MaxValue, 240)]
    public void Waits_double_up_to_the_longest(int attempt, double minutes)
    {
        Assert.Equal(minutes, RetrySchedule.DelayAfter(attempt, Options, 0.5).TotalMinutes, 0.001);
        Assert.Equal(minutes * 0.8, RetrySchedule.DelayAfter(attempt, Options, 0).TotalMinutes, 0.001);
        Assert.Equal(minutes * 1.2, RetrySchedule.DelayAfter(attempt, Options, 1 - 1e-12).TotalMinutes, 0.001);
    }

    [Fact]
    public void The_last_attempt_falls_on_the_expiry()
    {
        Assert.Equal(Now.AddMinutes(1), RetrySchedule.NextAttempt(1, Now, Now.AddHours(1), Options, 0.5));
        Assert.Equal(Now.AddSeconds(10), RetrySchedule.NextAttempt(1, Now, Now.AddSeconds(10), Options, 0.5));
        Assert.Null(RetrySchedule.NextAttempt(1, Now, Now, Options, 0.5));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(5, 0)]
    [InlineData(6, 1)]
    [InlineData(8, 4)]
    [InlineData(60, 240)]
    public void A_crash_costs_no_time_until_it_looks_like_our_own_fault(int attempt, double minutes) =>
        Assert.Equal(minutes, RetrySchedule.DelayAfterCrash(attempt, Options).TotalMinutes, 0.001);
}
