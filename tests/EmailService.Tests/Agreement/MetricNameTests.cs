using System.Text.RegularExpressions;
using EmailService.Platform;
using EmailService.ServiceKit;

namespace EmailService.Tests.Agreement;

/// <summary><c>docs/operating.md</c> explains every metric of ours, under the name that <c>/metrics</c> gives it, and no other.</summary>
public sealed partial class MetricNameTests
{
    private static readonly string[] Suffixes = ["", "_total", "_seconds", "_seconds_total", "_bytes", "_bucket", "_sum", "_count"];

    [Fact]
    public void Every_metric_is_in_the_operating_guide()
    {
        var guide = Repository.Read("docs/operating.md");
        var metrics = Metrics();

        Assert.NotEmpty(metrics);
        Assert.All(metrics, name => Assert.Contains(name, guide, StringComparison.Ordinal));
    }

    [Fact]
    public void Operating_guide_names_no_metric_that_is_gone()
    {
        var metrics = Metrics();

        Assert.All(Shown().Matches(Repository.Read("docs/operating.md")), shown => Assert.Contains(
            metrics, name => shown.Value.StartsWith(name, StringComparison.Ordinal) && Suffixes.Contains(shown.Value[name.Length..])));
    }

    /// <summary>With unit and kind: an alert is copied from the guide, and one on a name that nobody exposes never fires.</summary>
    [Fact]
    public async Task Operating_guide_names_each_metric_as_it_is_exposed()
    {
        await using var service = await TestService.StartAsync();
        var exposed = Type().Matches(service.Get<MetricsCollector>().Write()).Select(match => match.Groups[1].Value).ToHashSet();
        var inTheGuide = Row().Matches(Repository.Read("docs/operating.md")).Select(match => match.Groups[1].Value).ToHashSet();

        Assert.NotEmpty(exposed);
        Assert.Empty(exposed.Except(inTheGuide));
        Assert.Empty(inTheGuide.Except(exposed));
    }

    /// <summary>As Prometheus writes them, without what it appends for the kind.</summary>
    private static HashSet<string> Metrics() =>
    [
        .. Repository.Source().SelectMany(source => Instrument().Matches(source.Text)).Select(match => match.Groups[1].Value.Replace('.', '_')),
    ];

    // The name is the first argument of Meter.CreateCounter, CreateHistogram, CreateObservableGauge and the like.
    [GeneratedRegex(@"\.Create[A-Za-z]+(?:<\w+>)?\(\s*""(emailservice\.[a-z_.]+)""")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"^# TYPE (emailservice_[a-z_]+) ", RegexOptions.Multiline)]
    private static partial Regex Type();

    // A row of the table of metrics.
    [GeneratedRegex(@"^\| `(emailservice_[a-z_]+)(?:\{[a-z_,]+\})?` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\bemailservice_[a-z_]+\b")]
    private static partial Regex Shown();
}
