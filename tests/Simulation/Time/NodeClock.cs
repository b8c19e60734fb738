namespace EmailService.Simulation;

/// <summary>The clock of one node: the world's, but nothing fires while the node's machine stands still, and never again once it is dead.
/// What arrives from outside goes by the same gate.</summary>
internal sealed class NodeClock(SimClock world) : TimeProvider
{
    private readonly Queue<Action> held = new();
    private bool isFrozen;

    public bool IsDead { get; private set; }

    /// <summary>When it last stood still and went on.</summary>
    public TimeSpan WentOnAt { get; private set; }

    public override long TimestampFrequency => world.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => world.GetUtcNow();

    public override long GetTimestamp() => world.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        world.CreateTimer(Pass, callback, state, dueTime, period);

    /// <summary>Something happens on the node: now, when it goes on, or never.</summary>
    public void Pass(Action action)
    {
        if (IsDead)
        {
            return;
        }

        if (isFrozen)
        {
            held.Enqueue(action);
            return;
        }

        action();
    }

    public void Freeze() => isFrozen = true;

    public void GoOn()
    {
        if (isFrozen)
        {
            (isFrozen, WentOnAt) = (false, world.Now);
        }

        while (held.TryDequeue(out var action))
        {
            Pass(action);
        }
    }

    public void Kill()
    {
        IsDead = true;
        held.Clear();
    }
}
