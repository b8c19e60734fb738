using EmailService.Record;

namespace EmailService.Deliver;

/// <summary>Counts a rule's matches on a lane until its action is due: so many within such a time. Of this node alone, in memory and bounded:
/// what is forgotten begins to be counted anew.</summary>
public sealed class Triggers
{
    private const int MostCounted = 4096;

    private readonly Lock gate = new();
    private readonly Dictionary<(string Rule, string Lane), Counted> counts = [];

    /// <summary>Counts one match. True when the action is due; then counting begins anew.</summary>
    /// <param name="startedAt">When the attempt began. One that began before the action was last due knows nothing of it, and does not count.</param>
    public bool Hit(string rule, string lane, ReplyAction action, DateTimeOffset startedAt, DateTimeOffset now)
    {
        lock (gate)
        {
            if (!counts.TryGetValue((rule, lane), out var counted))
            {
                if (counts.Count >= MostCounted)
                {
                    Forget(now);
                }

                counts[(rule, lane)] = counted = new Counted(action.TriggerWithin);
            }

            return counted.Hit(action, startedAt, now);
        }
    }

    /// <summary>Drops what is too old to matter, or all if that is not enough.</summary>
    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, _) in counts.Where(c => c.Value.IsOld(now)).ToList())
        {
            counts.Remove(key);
        }

        if (counts.Count >= MostCounted)
        {
            counts.Clear();
        }
    }

    private sealed class Counted(TimeSpan within)
    {
        private readonly Queue<DateTimeOffset> hits = new();
        private DateTimeOffset lastDue = DateTimeOffset.MinValue;

        public bool IsOld(DateTimeOffset now) => !hits.Any(at => at > now - within);

        public bool Hit(ReplyAction action, DateTimeOffset startedAt, DateTimeOffset now)
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
