using EmailService.Record;

namespace EmailService.Deliver;

/// <summary>Counts a rule's matches on a lane until its action is due: so many within such a time, and with nothing delivered between them if
/// it keeps all of the lane back. Of this node alone, in memory and bounded: what is forgotten begins to be counted anew.</summary>
public sealed class Triggers
{
    private const int MostLanes = 4096;

    private readonly Lock gate = new();
    private readonly Dictionary<string, Dictionary<string, Counted>> lanes = [];
    private volatile bool isEmpty = true;

    /// <summary>Counts one match. True when the action is due; then counting begins anew.</summary>
    /// <param name="startedAt">When the attempt began. One that began before the action was last due knows nothing of it, and does not count.</param>
    public bool Hit(string rule, string lane, ReplyAction action, DateTimeOffset startedAt, DateTimeOffset now)
    {
        lock (gate)
        {
            if (!lanes.TryGetValue(lane, out var counts))
            {
                if (lanes.Count >= MostLanes)
                {
                    Forget(now);
                }

                lanes[lane] = counts = [];
                isEmpty = false;
            }

            if (!counts.TryGetValue(rule, out var counted))
            {
                counts[rule] = counted = new Counted(action);
            }

            return counted.Hit(startedAt, now);
        }
    }

    /// <summary>A message of the lane was taken: whoever refuses some and takes others has not shut us out, so what would keep all of the lane
    /// back is counted anew.</summary>
    public void Delivered(string lane)
    {
        if (isEmpty)
        {
            return;
        }

        lock (gate)
        {
            foreach (var counted in lanes.GetValueOrDefault(lane)?.Values ?? Enumerable.Empty<Counted>())
            {
                counted.Delivered();
            }
        }
    }

    /// <summary>Drops what is too old to matter, or all if that is not enough.</summary>
    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, _) in lanes.Where(lane => lane.Value.Values.All(counted => counted.IsOld(now))).ToList())
        {
            lanes.Remove(key);
        }

        if (lanes.Count >= MostLanes)
        {
            lanes.Clear();
        }
    }

    private sealed class Counted(ReplyAction action)
    {
        private readonly Queue<DateTimeOffset> hits = new();
        private DateTimeOffset lastDue = DateTimeOffset.MinValue;

        public bool IsOld(DateTimeOffset now) => !hits.Any(at => at > now - action.TriggerWithin);

        public void Delivered()
        {
            if (action.Do is ReplyActionKind.SuspendLane or ReplyActionKind.NextSource)
            {
                hits.Clear();
            }
        }

        public bool Hit(DateTimeOffset startedAt, DateTimeOffset now)
        {
            if (startedAt < lastDue)
            {
                return false;
            }

            if (action.TriggerCount > 1)
            {
                while (hits.TryPeek(out var oldest) && oldest <= now - action.TriggerWithin)
                {
                    hits.Dequeue();
                }

                hits.Enqueue(now);
                if (hits.Count < action.TriggerCount)
                {
                    return false;
                }

                hits.Clear();
            }

            lastDue = now;
            return true;
        }
    }
}
