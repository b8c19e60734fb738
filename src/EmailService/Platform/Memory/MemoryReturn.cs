namespace EmailService.Platform;

/// <summary>Gives memory back to the system after a burst of large content. The collector alone lets it lie for as long as the machine has
/// more: it knows nothing of the bound that we keep.</summary>
internal sealed partial class MemoryReturn(MemoryBudget budget, TimeProvider time, ILogger<MemoryReturn> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>How long it must have been quiet: a collection of everything stops all threads for some tens of milliseconds.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    private readonly MemoryWatch watch = new(budget.Octets, Quiet);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            switch (watch.Look(budget.Taken, GC.GetTotalAllocatedBytes(), time.GetUtcNow()))
            {
                case MemoryStep.Collect:
                    // Beside the work: what is dead is found, and the collector's next large pieces go where it lay.
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
                    break;
                case MemoryStep.Return:
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                    LogReturned(GC.GetTotalMemory(false) / 1024 / 1024);
                    break;
                case MemoryStep.Nothing:
                    break;
            }
        }
    }

    [LoggerMessage(9042, LogLevel.Debug, "After a burst of large content memory was given back; {MiB} MiB are left in use")]
    private partial void LogReturned(long miB);
}

/// <summary>What is to be done about memory now.</summary>
internal enum MemoryStep
{
    Nothing,

    /// <summary>Much lies dead while more comes in.</summary>
    Collect,

    /// <summary>The burst is over.</summary>
    Return,
}

/// <summary>When to collect: pure but for what it remembers.</summary>
/// <param name="octets">The bound on content.</param>
/// <param name="quiet">For how long next to nothing must have been held before memory is given back.</param>
internal sealed class MemoryWatch(long octets, TimeSpan quiet)
{
    private bool wasBusy;
    private DateTimeOffset busyAt;
    private long allocatedThen;

    /// <param name="taken">Octets that content holds.</param>
    /// <param name="allocated">Octets that were ever allocated.</param>
    /// <param name="now">The time.</param>
    public MemoryStep Look(long taken, long allocated, DateTimeOffset now)
    {
        if (taken > octets / 16)
        {
            allocatedThen = wasBusy ? allocatedThen : allocated;
            (wasBusy, busyAt) = (true, now);
            if (allocated - allocatedThen < octets / 2)
            {
                return MemoryStep.Nothing;
            }

            allocatedThen = allocated;
            return MemoryStep.Collect;
        }

        if (!wasBusy || now - busyAt < quiet)
        {
            return MemoryStep.Nothing;
        }

        wasBusy = false;
        return MemoryStep.Return;
    }
}
