using EmailService.EndToEnd.Crash;

namespace EmailService.EndToEnd;

/// <summary><c>kill -9</c> of PostgreSQL and all its processes under the running service. <c>./test crash</c> runs it in full.</summary>
[Collection("crash")]
public sealed class Killed_postgres_loses_nothing
{
    [Fact]
    public Task Every_202_arrives_and_a_crash_costs_at_most_one_second_copy() =>
        new CrashRun(CrashSize.Of(small: new(160, 2, 1), full: new(2000, 10, 1))).KillPostgresAsync();
}
