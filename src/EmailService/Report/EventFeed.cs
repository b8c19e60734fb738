using EmailService.Platform;

namespace EmailService.Report;

/// <summary>Reads the log, and waits for what is not in it yet.</summary>
public sealed class EventFeed(EventFeedStore store, EventSignal signal, TimeProvider time)
{
    /// <summary>How long an event written by another process may go unseen by one who waits.</summary>
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(50);

    /// <summary>A page of events. When there are none it waits for some, at most so long. No connection is held meanwhile.</summary>
    /// <param name="query">Which.</param>
    /// <param name="wait">The longest wait; zero for none.</param>
    /// <param name="stopping">Ends the waiting with an empty page.</param>
    /// <param name="cancel">Ends the reading.</param>
    public async Task<EventPage> ReadAsync(EventQuery query, TimeSpan wait, CancellationToken stopping, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var seen = signal.Version;
            var page = await store.ReadAsync(query, cancel);
            var left = wait - time.GetElapsedTime(started);
            if (page.Events.Count > 0 || left <= TimeSpan.Zero || stopping.IsCancellationRequested)
            {
                return page;
            }

            using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancel);
            await signal.WaitAsync(seen, left < Poll ? left : Poll, either.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

            // A busy log raises with every commit; a reader who waits for one message need not follow each.
            await Task.Delay(Gather, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancel.ThrowIfCancellationRequested();
            query = query with { After = page.Next };
        }
    }
}
