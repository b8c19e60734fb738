using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EmailService.Tests.Platform;

/// <summary>Failures of the store that end and begin again.</summary>
public sealed class StoreHealthTests
{
    private static readonly Exception gone = new NpgsqlException("gone");
    private static readonly Exception full = new PostgresException("no space left on device", "ERROR", "ERROR", PostgresErrorCodes.DiskFull);
    private readonly ManualTime time = new();

    [Fact]
    public async Task Failures_that_end_and_begin_again_are_probed_by_one_loop()
    {
        var probe = new Failing();
        await using var health = new StoreHealth(probe, time, NullLogger<StoreHealth>.Instance);
        for (var n = 1; n <= 5; n++)
        {
            health.ReportFailure(gone);
            await time.WhenTimers(n).WaitAsync(TimeSpan.FromSeconds(30));
            health.ReportSuccess();
        }

        health.ReportFailure(gone);
        await time.WhenTimers(6).WaitAsync(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromMilliseconds(100));

        // Those of the failures that are over have ended, and the one that is on waits for its second probe.
        await Wait.UntilAsync(() => time.TimerCount == 1 && probe.Count > 0, "one loop is left");
        Assert.Equal(1, probe.Count);
        time.Advance(TimeSpan.FromMilliseconds(200));
        await Wait.UntilAsync(() => probe.Count > 1, "the second probe");
        Assert.Equal(2, probe.Count);
    }

    [Fact]
    public async Task A_disk_that_was_full_in_a_failure_that_is_over_says_nothing_about_the_next()
    {
        var probe = new Failing { Holds = true };
        await using var health = new StoreHealth(probe, time, NullLogger<StoreHealth>.Instance);
        health.ReportFailure(gone);
        await time.WhenTimers(1).WaitAsync(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromMilliseconds(100));
        await Wait.UntilAsync(() => probe.Count == 1, "the probe is under way");

        health.ReportSuccess();
        health.ReportFailure(gone);
        probe.Release(full);
        await probe.Told;
        await time.WhenTimers(1).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal("commits fail", health.Problem);
        health.ReportSuccess();
        Assert.True(health.IsHealthy);
    }

    [Fact]
    public async Task A_full_disk_is_named_as_long_as_its_failure_lasts_and_only_a_probe_ends_it()
    {
        var probe = new Failing();
        await using var health = new StoreHealth(probe, time, NullLogger<StoreHealth>.Instance);
        health.ReportFailure(gone);
        health.ReportFailure(full);
        health.ReportSuccess();
        Assert.Equal("commits fail: the database has no room left on its disk", health.Problem);

        probe.IsGood = true;
        await time.WhenTimers(1).WaitAsync(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromMilliseconds(100));
        await Wait.UntilAsync(() => health.IsHealthy, "the probe has ended it");
        health.ReportFailure(gone);
        Assert.Equal("commits fail", health.Problem);
    }

    /// <summary>A store that takes no commits until it is good again.</summary>
    private sealed class Failing : IStoreProbe
    {
        private readonly TaskCompletionSource<Exception> held = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int count;

        public int Count => Volatile.Read(ref count);

        public bool Holds { get; init; }

        public bool IsGood { get; set; }

        public Task Told => told.Task;

        public void Release(Exception exception) => held.SetResult(exception);

        public async Task CommitAsync(CancellationToken cancellation)
        {
            if (Interlocked.Increment(ref count) == 1 && Holds)
            {
                var exception = await held.Task;
                told.SetResult();
                throw exception;
            }

            if (!IsGood)
            {
                throw gone;
            }
        }
    }
}
