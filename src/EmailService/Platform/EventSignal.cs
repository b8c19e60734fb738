namespace EmailService.Platform;

/// <summary>Wakes this process's readers of the event log sooner than their poll would. A hint, never the only way:
/// events are also written by other nodes. Any number may raise, any number may wait.</summary>
/// <remarks>A reader takes <see cref="Version"/>, reads the log, and waits for what came after that version: what is
/// raised between its reading and its waiting is not missed.</remarks>
public sealed class EventSignal(TimeProvider time)
{
    private TaskCompletionSource next = New();
    private long version;

    /// <summary>Counts the raises.</summary>
    public long Version => Interlocked.Read(ref version);

    /// <summary>Call it after every commit of events.</summary>
    public void Raise()
    {
        Interlocked.Increment(ref version);
        Interlocked.Exchange(ref next, New()).TrySetResult();
    }

    /// <summary>Returns when raised after <paramref name="seen"/> was taken, or after this time.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task WaitAsync(long seen, TimeSpan atMost, CancellationToken cancellationToken)
    {
        // Taken before the version is looked at: a raise in between completes it.
        var raised = Volatile.Read(ref next).Task;
        if (Version == seen)
        {
            await raised.WaitAsync(atMost, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
