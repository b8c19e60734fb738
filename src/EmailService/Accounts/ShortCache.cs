using System.Collections.Concurrent;

namespace EmailService.Accounts;

/// <summary>Keeps what the hot path asks of the database for each request, for at most ten seconds: so long may a key that
/// was revoked on another node still be taken. What was not found is kept for less, and apart, so that
/// guesses cannot push out what is in use.</summary>
internal sealed class ShortCache<TKey, TValue>(
    TimeProvider time, int most, Func<TKey, CancellationToken, Task<TValue?>> load)
    where TKey : notnull
    where TValue : class
{
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(10);

    /// <summary>From this age on, one caller fetches it anew while the others go on with the old.</summary>
    private static readonly TimeSpan RefreshAge = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LifeOfMissing = TimeSpan.FromSeconds(2);

    /// <summary>How long a caller waits for a database that hangs. The machine's own time: no clock of a test moves a database.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<TKey, Entry> found = new();
    private readonly ConcurrentDictionary<TKey, long> missing = new();

    public ValueTask<TValue?> FindAsync(TKey key, CancellationToken cancellation)
    {
        if (found.TryGetValue(key, out var entry))
        {
            var age = time.GetElapsedTime(entry.LoadedAt);
            if (age < RefreshAge || (age < Life && Interlocked.Exchange(ref entry.Refreshing, 1) != 0))
            {
                return new ValueTask<TValue?>(entry.Value);
            }
        }
        else if (missing.TryGetValue(key, out var since) && time.GetElapsedTime(since) < LifeOfMissing)
        {
            return default;
        }

        return new ValueTask<TValue?>(LoadAsync(key, cancellation));
    }

    /// <summary>Forgets one; the next caller asks the database.</summary>
    public void Forget(TKey key)
    {
        found.TryRemove(key, out _);
        missing.TryRemove(key, out _);
    }

    public void Clear()
    {
        found.Clear();
        missing.Clear();
    }

    private async Task<TValue?> LoadAsync(TKey key, CancellationToken cancellation)
    {
        // Counted from before the question: the answer may be older than its arrival.
        var asked = time.GetTimestamp();
        var value = await load(key, cancellation).WaitAsync(Patience, cancellation);
        if (value is null)
        {
            Bound(missing);
            missing[key] = asked;
            found.TryRemove(key, out _);
        }
        else
        {
            Bound(found);
            found[key] = new Entry(value, asked);
            missing.TryRemove(key, out _);
        }

        return value;
    }

    private void Bound<T>(ConcurrentDictionary<TKey, T> entries)
    {
        if (entries.Count >= most)
        {
            entries.Clear();
        }
    }

    private sealed class Entry(TValue value, long loadedAt)
    {
        public readonly TValue Value = value;
        public readonly long LoadedAt = loadedAt;
        public int Refreshing;
    }
}
