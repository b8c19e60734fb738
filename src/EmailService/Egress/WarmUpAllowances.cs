using System.Collections.Concurrent;

namespace EmailService.Egress;

/// <summary>What this node may still send from sources that are being warmed up. The day's count is shared by all nodes, and each takes
/// allowances from it in blocks, so that a message costs no round trip.</summary>
public sealed class WarmUpAllowances(WarmUpStore store, TimeProvider time)
{
    private const int BlocksOfDay = 100;
    private const int LargestBlock = 100;
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(24);

    private readonly ConcurrentDictionary<string, State> states = new(StringComparer.OrdinalIgnoreCase);

    private sealed class State
    {
        public Lock Gate { get; } = new();
        public SemaphoreSlim Refilling { get; } = new(1);
        public DateOnly Day { get; set; }
        public int Left { get; set; }

        /// <summary>Until then nothing is open.</summary>
        public DateTimeOffset ShutUntil { get; set; }

        /// <summary>The last place given out to mail that waits.</summary>
        public DateTimeOffset LastPlace { get; set; }

        /// <summary>What all nodes had taken of the day when last asked.</summary>
        public int Taken { get; set; }
    }

    /// <summary>Takes the allowance for one message. False if none is open now.</summary>
    /// <param name="isPaced">The pool has no warm source: the day's cap opens over the day.</param>
    public async ValueTask<bool> TryTakeAsync(EgressSource source, bool isPaced, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var day = DateOnly.FromDateTime(now.UtcDateTime);
        if (source.WarmUp?.CapOn(day) is not { } cap)
        {
            return true;
        }

        var state = states.GetOrAdd(source.Name, _ => new State());
        if (TryTake(state, day, now) is { } known)
        {
            return known;
        }

        await state.Refilling.WaitAsync(cancellationToken);
        try
        {
            if (TryTake(state, day, now) is { } meanwhile)
            {
                return meanwhile;
            }

            var open = WarmUpPlan.OpenBy(now, cap, isPaced);
            var (granted, taken) = await store.TakeAsync(source.Name, day, Math.Clamp(cap / BlocksOfDay, 1, LargestBlock), open, cancellationToken);
            lock (state.Gate)
            {
                state.Left += granted;
                state.Taken = taken;
                var tomorrow = new DateTimeOffset(day.AddDays(1).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
                var next = taken >= cap ? tomorrow : now + WarmUpPlan.Interval(cap);
                state.ShutUntil = granted > 0 ? now : next < tomorrow ? next : tomorrow;
            }

            return TryTake(state, day, now) ?? false;
        }
        finally
        {
            state.Refilling.Release();
        }
    }

    // Null when nobody knows without asking.
    private static bool? TryTake(State state, DateOnly day, DateTimeOffset now)
    {
        lock (state.Gate)
        {
            if (state.Day != day)
            {
                (state.Day, state.Left, state.Taken, state.ShutUntil) = (day, 0, 0, now);
            }

            if (state.Left > 0)
            {
                state.Left--;
                return true;
            }

            return state.ShutUntil > now ? false : null;
        }
    }

    /// <summary>Gives back the allowance of a message that was not tried.</summary>
    /// <param name="day">The day of which it was: that of another is of no use today. Null if none was taken.</param>
    public void Return(EgressSource source, DateOnly? day)
    {
        if (day is not null && source.WarmUp is not null && states.TryGetValue(source.Name, out var state))
        {
            lock (state.Gate)
            {
                state.Left += state.Day == day ? 1 : 0;
            }
        }
    }

    /// <summary>When a message for which nothing is open comes up again: one after the other, as the cap opens.</summary>
    /// <param name="nodes">Nodes that give out places beside each other.</param>
    public DateTimeOffset Place(EgressSource source, int nodes)
    {
        var now = time.GetUtcNow();
        var state = states.GetOrAdd(source.Name, _ => new State());
        var cap = source.WarmUp?.CapOn(DateOnly.FromDateTime(now.UtcDateTime)) ?? 0;
        lock (state.Gate)
        {
            var first = state.ShutUntil > now ? state.ShutUntil : now;
            var next = state.LastPlace > now ? state.LastPlace + (WarmUpPlan.Interval(cap) * nodes) : first;
            state.LastPlace = next < now + LongestWait ? next : now + LongestWait;
            return state.LastPlace > first ? state.LastPlace : first;
        }
    }

    /// <summary>What all nodes had taken of the day when this one last asked.</summary>
    public int TakenOf(EgressSource source)
    {
        if (!states.TryGetValue(source.Name, out var state))
        {
            return 0;
        }

        lock (state.Gate)
        {
            return state.Day == DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime) ? state.Taken : 0;
        }
    }
}
