using System.Globalization;
using System.Text;

namespace EmailService.Platform;

/// <summary>The Prometheus text exposition format, version 0.0.4.</summary>
internal static class PrometheusText
{
    public static string Write(IReadOnlyList<InstrumentSeries> instruments)
    {
        var text = new StringBuilder(16 * 1024);
        foreach (var instrument in instruments)
        {
            var name = FullName(instrument);
            var help = (instrument.Instrument.Description ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
            text.Append("# TYPE ").Append(name).Append(' ').Append(instrument.Kind switch
            {
                InstrumentKind.Counter => "counter",
                InstrumentKind.Gauge => "gauge",
                InstrumentKind.Histogram => "histogram",
            }).Append('\n');
            foreach (var series in instrument.All)
            {
                WriteSeries(text, name, series);
            }
        }

        return text.ToString();
    }

    /// <summary>A name or label with only the characters that Prometheus allows.</summary>
    public static string NameOf(string name) => string.Create(name.Length, name, (span, from) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = char.IsAsciiLetter(from[i]) || (i > 0 && char.IsAsciiDigit(from[i])) ? from[i] : '_';
        }
    });

    private static string FullName(InstrumentSeries instrument)
    {
        var name = NameOf(instrument.Instrument.Name);
        var unit = instrument.Instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        name = name.EndsWith(unit, StringComparison.Ordinal) ? name : name + unit;
        return instrument.Kind == InstrumentKind.Counter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    private static void WriteSeries(StringBuilder text, string name, Series series)
    {
        if (series.Bounds is not { } bounds)
        {
            Line(text, name, series.Labels, series.Value);
            return;
        }

        // Read once: the buckets and the count must agree with each other.
        var counts = series.Counts();
        var separator = series.Labels.Length == 0 ? "" : ",";
        long total = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            total += counts[i];
            var bound = i < bounds.Length ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            Line(text, name + "_bucket", $"{series.Labels}{separator}le=\"{bound}\"", total);
        }

        Line(text, name + "_sum", series.Labels, series.Value);
        Line(text, name + "_count", series.Labels, total);
    }

    private static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
