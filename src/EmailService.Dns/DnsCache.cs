using System.Collections.Concurrent;

namespace EmailService.Dns;

internal readonly record struct DnsKey(string Name, DnsType Type);

/// <summary>
/// Answers until they expire, bounded in number and size. Reading takes no lock. When it is full the hand of a clock goes round:
/// what has expired or was not read since the last round makes room.
/// </summary>
internal sealed class DnsCache(int capacity)
{
    private const int OctetsPerUnit = 512;

    private readonly ConcurrentDictionary<DnsKey, Entry> _entries = new();
    private readonly Lock _gate = new();
    private readonly List<Entry> _ring = [];
    private int _hand;
    private int _units;

    public DnsAnswer? Find(DnsKey key, DateTimeOffset now)
    {
        if (!_entries.TryGetValue(key, out var entry) || entry.Answer.ExpiresAt <= now)
        {
            return null;
        }

        entry.Read = true;
        return entry.Answer;
    }

    public void Put(DnsKey key, DnsAnswer answer, int size, DateTimeOffset now)
    {
        var units = 1 + (Math.Max(size - 1, 0) / OctetsPerUnit);
        if (answer.ExpiresAt <= now || units > capacity)
        {
            return;
        }

        lock (_gate)
        {
            if (_entries.TryGetValue(key, out var old))
            {
                Remove(old.Slot);
            }

            while (_units + units > capacity)
            {
                Evict(now);
            }

            var entry = new Entry(key, answer, units) { Slot = _ring.Count };
            _entries[key] = entry;
            _ring.Add(entry);
            _units += units;
        }
    }

    public void Remove(DnsKey key)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(key, out var entry))
            {
                Remove(entry.Slot);
            }
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _entries.Clear();
            _ring.Clear();
            _units = _hand = 0;
        }
    }

    // Ends: every entry passed over loses its mark, so the second round at the latest finds one.
    private void Evict(DateTimeOffset now)
    {
        while (true)
        {
            _hand = _hand < _ring.Count ? _hand : 0;
            var entry = _ring[_hand];
            if (!entry.Read || entry.Answer.ExpiresAt <= now)
            {
                Remove(_hand);
                return;
            }

            entry.Read = false;
            _hand++;
        }
    }

    private void Remove(int at)
    {
        var entry = _ring[at];
        _entries.TryRemove(entry.Key, out _);
        _units -= entry.Units;

        // The last takes its place: order does not matter, moving a hundred thousand would.
        _ring[at] = _ring[^1];
        _ring[at].Slot = at;
        _ring.RemoveAt(_ring.Count - 1);
    }

    private sealed class Entry(DnsKey key, DnsAnswer answer, int units)
    {
        public DnsKey Key { get; } = key;

        public DnsAnswer Answer { get; } = answer;

        public int Units { get; } = units;

        public int Slot { get; set; }

        public volatile bool Read;
    }
}
