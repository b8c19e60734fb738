using EmailService.EndToEnd.Crash;

namespace EmailService.EndToEnd;

/// <summary><c>kill -9</c> of the service, at any time, start-up included. <c>./test crash</c> runs it in full.</summary>
[Collection("crash")]
public sealed class Killed_service_loses_nothing
{
    [Fact]
    public Task Every_202_arrives_and_a_crash_costs_at_most_one_second_copy() =>
        new CrashRun(CrashSize.Of(small: new(160, 5, 1), full: new(2000, 50, 1))).KillServiceAsync();
}
