namespace EmailService.Simulation;

/// <summary>Virtual time: stands still while anything can run, then jumps to the next timer.</summary>
internal sealed class SimClock : TimeProvider
{
    public static readonly DateTimeOffset Start = new(2027, 1, 4, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<(SimTimer Timer, int Version), (long At, long Order)> queue = new();
    private long now;
    private long order;
    private int stale;

    /// <summary>Since the start.</summary>
    public TimeSpan Now => new(now);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Start + Now;

    public override long GetTimestamp() => now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        CreateTimer(static run => run(), callback, state, dueTime, period);

    /// <param name="gate">Is given the call, to make it now, later or never.</param>
    public ITimer CreateTimer(Action<Action> gate, TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(this, gate, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Does something later. Things of one moment are done in the order in which they were asked for.</summary>
    public void After(TimeSpan delay, Action action) => CreateTimer(static (a) => ((Action)a!)(), action, delay, Timeout.InfiniteTimeSpan);

    /// <summary>Jumps to the next timer, unless that lies beyond the end, and lets it fire.</summary>
    public bool FireNext(TimeSpan end)
    {
        while (queue.TryPeek(out var entry, out var key))
        {
            if (entry.Version != entry.Timer.Version)
            {
                queue.Dequeue();
                stale--;
                continue;
            }

            if (key.At > end.Ticks)
            {
                return false;
            }

            queue.Dequeue();
            now = Math.Max(now, key.At);
            entry.Timer.Fire();
            return true;
        }

        return false;
    }

    private void Forget()
    {
        // Most timers are deadlines that are never reached.
        if (++stale > 4096 && stale > queue.Count / 2)
        {
            var live = queue.UnorderedItems.Where(i => i.Element.Version == i.Element.Timer.Version).ToList();
            queue.Clear();
            queue.EnqueueRange(live);
            stale = 0;
        }
    }

    private sealed class SimTimer(SimClock clock, Action<Action> gate, TimerCallback callback, object? state) : ITimer
    {
        private bool isSet;

        public int Version { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan)
            {
                throw new NotSupportedException("nothing that is simulated repeats by a timer");
            }

            Stop();
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                isSet = true;
                clock.queue.Enqueue((this, Version), (clock.now + Math.Max(0, dueTime.Ticks), ++clock.order));
            }

            return true;
        }

        public void Fire()
        {
            isSet = false;
            var version = ++Version;
            gate(() =>
            {
                // Held back, it may have been stopped meanwhile.
                if (version == Version)
                {
                    callback(state);
                }
            });
        }

        public void Dispose() => Stop();

        public ValueTask DisposeAsync()
        {
            Stop();
            return ValueTask.CompletedTask;
        }

        private void Stop()
        {
            Version++;
            if (isSet)
            {
                isSet = false;
                clock.Forget();
            }
        }
    }
}
