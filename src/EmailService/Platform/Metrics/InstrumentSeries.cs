using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace EmailService.Platform;

internal enum InstrumentKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>All series of one instrument.</summary>
internal sealed class InstrumentSeries
{
    // A tag with values from outside must not fill the memory: what is beyond is counted under one series.
    private const int MaxSeries = 1000;

    private static readonly double[] Seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
    private static readonly double[] Sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000, 10_000_000];

    private readonly ConcurrentDictionary<TagKey, Series> series = new();
    private readonly double[]? bounds;
    private Series? untagged;

    public InstrumentSeries(Instrument instrument)
    {
        Instrument = instrument;
        var definition = instrument.GetType().GetGenericTypeDefinition();
        (Kind, IsCumulative) = definition switch
        {
            _ when definition == typeof(Histogram<>) => (InstrumentKind.Histogram, false),
            _ when definition == typeof(Counter<>) => (InstrumentKind.Counter, false),
            _ when definition == typeof(ObservableCounter<>) => (InstrumentKind.Counter, true),
            _ when definition == typeof(UpDownCounter<>) => (InstrumentKind.Gauge, false),
            _ => (InstrumentKind.Gauge, true),
        };
        bounds = Kind != InstrumentKind.Histogram ? null
            : instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { } advice } ? [.. advice]
            : instrument is Histogram<long> { Advice.HistogramBucketBoundaries: { } whole } ? [.. whole.Select(bound => (double)bound)]
            : instrument.Unit == "s" ? Seconds : Sizes;
    }

    public Instrument Instrument { get; }

    public InstrumentKind Kind { get; }

    /// <summary>Whether a measurement is the value itself, not a change of it.</summary>
    private bool IsCumulative { get; }

    public IEnumerable<Series> All => untagged is null ? series.Values : series.Values.Prepend(untagged);

    /// <summary>Forgets what an observable instrument measured last, before it is asked anew: a series that it no longer names is gone, and
    /// must not go on with its last value for ever.</summary>
    public void BeginObserving()
    {
        if (Instrument.IsObservable)
        {
            series.Clear();
            untagged = null;
        }
    }

    public void Record(double measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var target = Find(tags);
        if (Kind == InstrumentKind.Histogram)
        {
            target.Observe(measurement);
        }
        else if (IsCumulative)
        {
            target.Set(measurement);
        }
        else
        {
            target.Add(measurement);
        }
    }

    private Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return untagged ?? Interlocked.CompareExchange(ref untagged, new Series("", bounds), null) ?? untagged;
        }

        var key = new TagKey(tags);
        if (series.TryGetValue(key, out var found))
        {
            return found;
        }

        return series.Count < MaxSeries
            ? series.GetOrAdd(key, new Series(LabelsOf(tags), bounds))
            : series.GetOrAdd(default, _ => new Series("overflow=\"true\"", bounds));
    }

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            var shown = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            text.Append(text.Length == 0 ? "" : ",").Append(PrometheusText.NameOf(name)).Append("=\"")
                .Append(shown.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal))
                .Append('"');
        }

        return text.ToString();
    }

    /// <summary>A set of tags as a key that costs no allocation for up to three of them; the others are joined.</summary>
    private readonly record struct TagKey
    {
        private readonly object? first;
        private readonly object? second;
        private readonly object? third;
        private readonly string? names;

        public TagKey(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            first = tags[0].Value;
            second = tags.Length > 1 ? tags[1].Value : null;
            third = tags.Length > 2 ? tags[2].Value : null;
            // An instrument's tags have the same names each time; only with one tag may the name alone tell them apart.
            names = tags.Length switch { 1 => tags[0].Key, <= 3 => "", _ => LabelsOf(tags) };
        }
    }
}
