namespace EmailService.Deliver;

/// <summary>The lanes of this node, by key.</summary>
public sealed class LaneDirectory(LaneContext context)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Lane> lanes = [];

    /// <summary>Puts a recipient into its lane, unless the lane holds all that it may.</summary>
    public bool TryEnqueue(Work work)
    {
        lock (gate)
        {
            if (!lanes.TryGetValue(work.Plan.Lane, out var lane))
            {
                lanes[work.Plan.Lane] = lane = new Lane(work.Plan.Lane, context);
            }

            // Twice what is claimed for it: what was handed over by Accept, for many domains, may come on top.
            if (lane.Waiting >= 2 * context.Options.ReadyPerLane)
            {
                return false;
            }

            // Under the gate, or the lane might be forgotten in between.
            lane.Enqueue(work);
            return true;
        }
    }

    /// <summary>How many more recipients the lane may be given now: none while it rests or is full.</summary>
    public int RoomOf(string key)
    {
        lock (gate)
        {
            return !lanes.TryGetValue(key, out var lane) ? context.Options.ReadyPerLane
                : lane.RestsUntil is not null ? 0
                : Math.Max(0, context.Options.ReadyPerLane - lane.Waiting);
        }
    }

    public IReadOnlyList<Lane> All()
    {
        lock (gate)
        {
            return [.. lanes.Values];
        }
    }

    /// <summary>Drops lanes without work, so that a million domains do not stay in memory for ever.</summary>
    public void ForgetIdle()
    {
        lock (gate)
        {
            foreach (var (key, _) in lanes.Where(l => l.Value.IsForgettable).ToList())
            {
                lanes.Remove(key);
            }
        }
    }
}
