using System.Globalization;
using System.Text;

namespace EmailService.Benchmarks;

/// <summary>The comparison as Markdown.</summary>
internal static class Report
{
    public static string Write(
        CompareOptions options, IReadOnlyList<(string What, string Value)> machine, IReadOnlyList<Run> runs, IReadOnlyList<string> notes,
        string loadBefore, string loadAfter)
    {
        var text = new StringBuilder();
        Line($"## EmailService and Postfix + OpenDKIM, {TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm} UTC");
        Line($"");
        Line($"| | |");
        Line($"| --- | --- |");
        foreach (var (what, value) in machine)
        {
            Line($"| {what} | {value} |");
        }

        Line($"| load average before, after | {loadBefore}; {loadAfter} |");
        Line($"| load | {options.Sessions} sessions, {options.Rounds} rounds in turn, {(options.Messages is { } n ? $"{n} messages a run" : $"runs of about {options.Seconds} s")} |");
        Line($"");
        Line($"Medians, and smallest to largest of all rounds. Processor time in µs a message; *behind* is PostgreSQL, or OpenDKIM.");
        Line($"");
        Line($"| system | accepted/s | delivered/s | system µs | behind µs | messages per processor second | load + sink µs | 202 after ms (p50, p99) |");
        Line($"| --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var rounds in runs.GroupBy(r => r.System))
        {
            var delivered = rounds.All(r => r.Delivered is null) ? "–" : Range(rounds.Select(r => r.Delivered!.Value));
            var answer = rounds.All(r => r.P50 == 0) ? "–" : string.Create(CultureInfo.InvariantCulture, $"{Median(rounds.Select(r => r.P50)):F1}, {Median(rounds.Select(r => r.P99)):F1}");
            Line($"| {rounds.Key} | {Range(rounds.Select(r => r.Accepted))} | {delivered} | {Median(rounds.Select(r => r.FrontEach)):F0} | {Median(rounds.Select(r => r.BackEach)):F0} | {Median(rounds.Select(r => r.PerProcessorSecond)):F0} | {Median(rounds.Select(r => (r.Load + r.Sink) / r.Messages * 1e6)):F0} | {answer} |");
        }

        var ratios = runs.Where(r => r.System == Comparison.Ours)
            .Zip(runs.Where(r => r.System == Comparison.Signed), (ours, theirs) => ours.Delivered!.Value / theirs.Delivered!.Value).ToList();
        Line($"");
        Line($"**Delivered and signed, EmailService to Postfix + OpenDKIM: {Median(ratios):F2} : 1** (rounds {ratios.Min():F2} to {ratios.Max():F2}).");
        Line($"In messages per processor second of the system itself, which other work on the machine distorts least: {Median(Efficiency()):F2} : 1.");
        Line($"");
        foreach (var note in notes)
        {
            Line($"- {note}.");
        }

        Line($"");
        Line($"| run | messages | s | accepted/s | delivered/s | processor s: system | behind | load | sink | others |");
        Line($"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var r in runs)
        {
            Line($"| {r.System} | {r.Messages} | {r.Elapsed.TotalSeconds:F1} | {r.Accepted:F0} | {(r.Delivered is { } d ? d.ToString("F0", CultureInfo.InvariantCulture) : "–")} | {r.Front:F1} | {r.Back:F1} | {r.Load:F1} | {r.Sink:F1} | {r.Others:F1} |");
        }

        return text.ToString();

        IEnumerable<double> Efficiency() => runs.Where(r => r.System == Comparison.Ours)
            .Zip(runs.Where(r => r.System == Comparison.Signed), (ours, theirs) => ours.PerProcessorSecond / theirs.PerProcessorSecond);

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Range(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return string.Create(CultureInfo.InvariantCulture, $"{Median(sorted):F0} ({sorted[0]:F0}..{sorted[^1]:F0})");
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
