namespace EmailService.Platform;

/// <summary>What has been measured of one instrument under one set of tags. Thread-safe.</summary>
internal sealed class Series(string labels, double[]? bounds)
{
    private readonly long[]? counts = bounds is null ? null : new long[bounds.Length + 1];
    private double value;

    /// <summary>The tags as Prometheus labels without braces, empty for none.</summary>
    public string Labels { get; } = labels;

    /// <summary>Upper bounds of the buckets; null for what is no histogram.</summary>
    public double[]? Bounds { get; } = bounds;

    /// <summary>The total, the last value, or the sum of a histogram.</summary>
    public double Value => Volatile.Read(ref value);

    public void Add(double delta)
    {
        double seen;
        do
        {
            seen = Volatile.Read(ref value);
        }
        while (Interlocked.CompareExchange(ref value, seen + delta, seen) != seen);
    }

    public void Set(double now) => Volatile.Write(ref value, now);

    public void Observe(double measurement)
    {
        var index = 0;
        while (index < Bounds!.Length && measurement > Bounds[index])
        {
            index++;
        }

        Interlocked.Increment(ref counts![index]);
        Add(measurement);
    }

    /// <summary>How many measurements fell into each bucket; the last one is above all bounds.</summary>
    public long[] Counts() => [.. counts!.Select((_, index) => Volatile.Read(ref counts![index]))];
}
