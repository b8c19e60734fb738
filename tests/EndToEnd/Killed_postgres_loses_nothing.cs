using EmailService.EndToEnd.Crash;

namespace EmailService.EndToEnd;

/// <summary><c>kill -9</c> of PostgreSQL and all its processes under the running service. <c>./test crash</c> runs it in full.</summary>
[Collection("crash")]
public sealed class Killed_postgres_loses_nothing
{
    [Fact]
    public async Task Every_202_arrives_and_a_crash_costs_at_most_one_second_copy()
    {
        var size = CrashSize.Of(small: new(160, 2, 1), full: new(2000, 10, 1));

        var outcome = await new CrashRun(size).KillPostgresAsync();

        Assert.Equal((size.Messages, size.Kills), (outcome.Accepted, outcome.Kills));
        Assert.Empty(outcome.Lost);
        Assert.Empty(outcome.UnexplainedCopies);
        Assert.Empty(outcome.Breaches);
        Assert.True(outcome.IsRunning);
    }
}
