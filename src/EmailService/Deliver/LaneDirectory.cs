namespace EmailService.Deliver;

/// <summary>The lanes of this node, by key.</summary>
public sealed class LaneDirectory(LaneContext context)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Lane> lanes = [];

    /// <summary>Puts a recipient into its lane, unless the lane holds all that it may.</summary>
    /// <param name="later">How long a recipient without room is better left in the table: a lane with a rate is full for long.</param>
    public bool TryEnqueue(Work work, out TimeSpan later)
    {
        lock (gate)
        {
            if (!lanes.TryGetValue(work.Plan.Lane, out var lane))
            {
                lanes[work.Plan.Lane] = lane = new Lane(work.Plan.Lane, work.Plan.Limits, context);
            }

            // The hand shares its room by lanes as far as it knows them; a thousand new domains of one site it does not.
            var most = lane.MostWaiting;
            later = TimeSpan.Zero;
            if (lane.Waiting >= most)
            {
                later = most < context.MostWaiting ? LanePace.Reach / 2 : TimeSpan.Zero;
                return false;
            }

            // Under the gate, or the lane might be forgotten in between.
            lane.Enqueue(work);
            return true;
        }
    }

    /// <summary>How many more a lane may take into memory: none while it rests, and no limit of its own if it has no rate. Zero until half
    /// of it is gone: a claim for every place that falls free would cost more than it brings.</summary>
    public int RoomOf(string key)
    {
        lock (gate)
        {
            if (!lanes.TryGetValue(key, out var lane))
            {
                return int.MaxValue;
            }

            if (lane.RestsUntil is not null)
            {
                return 0;
            }

            var most = lane.MostWaiting;
            if (most >= context.MostWaiting)
            {
                return int.MaxValue;
            }

            var room = most - lane.Waiting;
            return room * 2 >= most ? room : 0;
        }
    }

    public Lane? Find(string key)
    {
        lock (gate)
        {
            return lanes.GetValueOrDefault(key);
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
