namespace EmailService.Report;

/// <summary>Reads the log, and waits for what is not in it yet.</summary>
public sealed class EventFeed(EventFeedStore store, TimeProvider time)
{
    /// <summary>How long an event written by another process may go unseen by one who waits.</summary>
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

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
            var page = await store.ReadAsync(query, cancel);
            var left = wait - time.GetElapsedTime(started);
            if (page.Events.Count > 0 || left <= TimeSpan.Zero || stopping.IsCancellationRequested)
            {
                return page;
            }

            using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancel);
            await Task.Delay(left < Poll ? left : Poll, time, either.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancel.ThrowIfCancellationRequested();
            query = query with { After = page.Next };
        }
    }
}
