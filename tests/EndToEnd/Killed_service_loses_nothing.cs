using EmailService.EndToEnd.Crash;

namespace EmailService.EndToEnd;

/// <summary><c>kill -9</c> of the service, at any time, start-up included. <c>./test crash</c> runs it in full.</summary>
[Collection("crash")]
public sealed class Killed_service_loses_nothing
{
    [Fact]
    public async Task Every_202_arrives_and_a_crash_costs_at_most_one_second_copy()
    {
        var size = CrashSize.Of(small: new(160, 5, 1), full: new(2000, 50, 1));

        var outcome = await new CrashRun(size).KillServiceAsync();

        Assert.Equal((size.Messages, size.Kills), (outcome.Accepted, outcome.Kills));
        Assert.Empty(outcome.Lost);
        Assert.Empty(outcome.UnexplainedCopies);
        Assert.Empty(outcome.Breaches);
        Assert.True(outcome.IsRunning);
    }
}
