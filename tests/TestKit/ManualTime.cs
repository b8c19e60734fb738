namespace EmailService.TestKit;

/// <summary>
/// A clock that stands still until a test moves it. <see cref="Advance"/> fires the timers that fall due, in the order of their due
/// times, each with the clock at its own due time. Safe for use by many threads.
/// </summary>
public sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private readonly List<(int Count, TaskCompletionSource Reached)> _watchers = [];
    private DateTimeOffset _now = start;
    private DateTimeOffset _target = start;
    private long _made;

    /// <summary>Starts at noon of 2 January 2030 UTC.</summary>
    public ManualTime()
        : this(new DateTimeOffset(2030, 1, 2, 12, 0, 0, TimeSpan.Zero))
    {
    }

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>How many timers are waiting.</summary>
    public int TimerCount
    {
        get
        {
            lock (_gate)
            {
                return _timers.Count;
            }
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().UtcTicks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves the clock and runs, on this thread, what falls due on the way.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        lock (_gate)
        {
            _target += by;
        }

        while (TakeNextDue() is { } timer)
        {
            timer.Fire();
        }
    }

    /// <summary>Waits until at least so many timers are waiting: until the code under test has come to its wait.</summary>
    public Task WhenTimers(int count)
    {
        lock (_gate)
        {
            if (_timers.Count >= count)
            {
                return Task.CompletedTask;
            }

            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((count, reached));
            return reached.Task.WaitAsync(Bound);
        }
    }

    private ManualTimer? TakeNextDue()
    {
        lock (_gate)
        {
            var next = _timers.Where(t => t.Due <= _target).OrderBy(t => t.Due).ThenBy(t => t.Order).FirstOrDefault();
            if (next is null)
            {
                _now = _target;
                return null;
            }

            _now = next.Due > _now ? next.Due : _now;
            if (next.Period > TimeSpan.Zero)
            {
                next.Due += next.Period;
                next.Order = ++_made;
            }
            else
            {
                _timers.Remove(next);
            }

            return next;
        }
    }

    private bool Set(ManualTimer timer, TimeSpan dueTime, TimeSpan period)
    {
        bool fireNow;
        lock (_gate)
        {
            _timers.Remove(timer);
            if (timer.Disposed)
            {
                return false;
            }

            timer.Period = period;
            fireNow = dueTime == TimeSpan.Zero;
            timer.Due = _now + (fireNow ? period : dueTime);
            timer.Order = ++_made;
            if (fireNow ? period > TimeSpan.Zero : dueTime > TimeSpan.Zero)
            {
                _timers.Add(timer);
                foreach (var watcher in _watchers.Where(w => _timers.Count >= w.Count).ToArray())
                {
                    _watchers.Remove(watcher);
                    watcher.Reached.TrySetResult();
                }
            }
        }

        // Due at once: like the system's timers, on another thread.
        if (fireNow)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static t => t.Fire(), timer, preferLocal: false);
        }

        return true;
    }

    private void Drop(ManualTimer timer)
    {
        lock (_gate)
        {
            timer.Disposed = true;
            _timers.Remove(timer);
        }
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset Due { get; set; }

        public TimeSpan Period { get; set; }

        public long Order { get; set; }

        public bool Disposed { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period) => time.Set(this, dueTime, period);

        public void Dispose() => time.Drop(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
