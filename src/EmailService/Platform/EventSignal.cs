namespace EmailService.Platform;

/// <summary>Wakes this process's reader of the event log sooner than its poll would. A hint, never the only way:
/// events are also written by other nodes, and a raise may come before its event can be read.
/// Any number may raise, one may wait.</summary>
public sealed class EventSignal(TimeProvider time)
{
    private TaskCompletionSource raised = New();

    /// <summary>Cheap when already raised; call it after every commit of events.</summary>
    public void Raise() => Volatile.Read(ref raised).TrySetResult();

    /// <summary>Returns when raised since the last return, or after this time.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        await raised.Task.WaitAsync(atMost, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();

        // Whoever raises the old one from here on has committed before the caller looks.
        if (raised.Task.IsCompleted)
        {
            Volatile.Write(ref raised, New());
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
