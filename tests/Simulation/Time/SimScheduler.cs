namespace EmailService.Simulation;

/// <summary>Runs all tasks of a world on one thread, in the order in which they became ready.</summary>
internal sealed class SimScheduler(SimClock clock) : TaskScheduler
{
    private readonly Queue<Task> ready = new();
    private readonly int thread = Environment.CurrentManagedThreadId;
    private Task? root;
    private volatile bool left;

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Work came from another thread: what then happens is no longer decided by the seed alone.</summary>
    public bool HasLeftItsThread => left;

    public long Steps { get; private set; }

    /// <summary>Runs until the end, or until there is reason to stop.</summary>
    /// <param name="start">What begins before.</param>
    public void Run(TimeSpan end, Func<bool> stop, Func<Task>? start)
    {
        // A test framework's context would take the continuations.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            // Inside a task of this scheduler, so that what timers start is started here.
            var started = Task.CompletedTask;
            root = new Task(() =>
            {
                started = start?.Invoke() ?? started;
                Loop(end, stop);
            });
            root.RunSynchronously(this);
            root.GetAwaiter().GetResult();
            if (started.IsFaulted)
            {
                started.GetAwaiter().GetResult();
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private void Loop(TimeSpan end, Func<bool> stop)
    {
        do
        {
            while (ready.TryDequeue(out var task))
            {
                Steps++;
                TryExecuteTask(task);
            }
        }
        while (!stop() && clock.FireNext(end));
    }

    protected override void QueueTask(Task task)
    {
        if (Environment.CurrentManagedThreadId != thread)
        {
            left = true;
            return;
        }

        ready.Enqueue(task);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => task == root && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => ready;
}
