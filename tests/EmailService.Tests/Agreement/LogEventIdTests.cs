using System.Globalization;
using System.Text.RegularExpressions;

namespace EmailService.Tests.Agreement;

/// <summary>A number in the log means one thing, says which slice spoke, and is explained in <c>docs/operating.md</c>.</summary>
public sealed partial class LogEventIdTests
{
    private static readonly Dictionary<string, (int First, int Last)> Ranges = new()
    {
        ["Accept"] = (1000, 1999),
        ["Outbox"] = (2000, 2499),
        ["Compose"] = (2500, 2699),
        ["Route"] = (2700, 2899),
        ["Deliver"] = (3000, 3499),
        ["Steer"] = (3500, 3999),
        ["Egress"] = (2900, 2999),
        ["Record"] = (4000, 4999),
        ["Receive"] = (5000, 5999),
        ["Notify"] = (6000, 6499),
        ["TlsReports"] = (6500, 6999),
        ["Report"] = (7000, 7499),
        ["Inbox"] = (7500, 7999),
        ["Accounts"] = (8000, 8999),
        ["Platform"] = (9000, 9999),
    };

    [Fact]
    public void Every_log_event_has_a_number_of_its_own()
    {
        var twice = Events().GroupBy(found => found.Id).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(found => found.File))}");

        Assert.Empty(twice);
    }

    [Fact]
    public void Every_log_event_is_in_the_range_of_its_slice()
    {
        var events = Events();
        Assert.NotEmpty(events);
        var astray = events.Where(found => !Ranges.TryGetValue(found.Slice, out var range) || found.Id < range.First || found.Id > range.Last);

        Assert.Empty(astray);
    }

    [Fact]
    public void Every_log_event_is_in_the_operating_guide()
    {
        var guide = Repository.Read("docs/operating.md");

        var explained = Rows().Matches(guide).Select(row => int.Parse(row.Groups[1].ValueSpan, CultureInfo.InvariantCulture));

        Assert.Equal(Events().Select(found => found.Id).Order(), explained.Order());
    }

    private static List<(string Slice, string File, int Id)> Events() =>
    [
        .. Repository.Source().SelectMany(source => Attribute().Matches(source.Text).Select(match =>
            (source.Slice, source.File, Id: int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)))),
    ];

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex Attribute();

    [GeneratedRegex(@"^\| (\d{4}) \|", RegexOptions.Multiline)]
    private static partial Regex Rows();
}
