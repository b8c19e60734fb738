using System.Text.Json;
using EmailService.Report.Doctor;
using Spectre.Console;

namespace EmailService.Report.Cli;

/// <summary>Prints findings: a table on a terminal, plain lines into a pipe, or JSON.</summary>
internal static class DoctorReport
{
    private static readonly JsonSerializerOptions Indented = new(ReportJson.Options) { WriteIndented = true };

    public static void Write(IReadOnlyList<Finding> findings, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(Json(findings));
        }
        else if (Console.IsOutputRedirected)
        {
            Console.Out.Write(Plain(findings));
        }
        else
        {
            WriteTable(findings);
        }
    }

    internal static string Json(IReadOnlyList<Finding> findings) => JsonSerializer.Serialize(
        new
        {
            Failed = findings.Any(finding => finding.Level == Level.Fail),
            Findings = findings.Select(finding => new { finding.Check, Level = Name(finding.Level), finding.Found, finding.Advice }),
        },
        Indented);

    internal static string Plain(IReadOnlyList<Finding> findings) => string.Concat(findings.Select(finding =>
        $"{Name(finding.Level),-4}  {finding.Check}: {finding.Found}\n{(finding.Advice is null ? "" : $"      → {finding.Advice}\n")}"));

    private static void WriteTable(IReadOnlyList<Finding> findings)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("", "Check", "Found, and what to do");
        foreach (var finding in findings)
        {
            var color = finding.Level switch { Level.Ok => "green", Level.Warn => "yellow", Level.Fail => "red" };
            var advice = finding.Advice is null ? "" : $"\n[grey]→ {Markup.Escape(finding.Advice)}[/]";
            table.AddRow($"[{color}]{Name(finding.Level)}[/]", Markup.Escape(finding.Check), Markup.Escape(finding.Found) + advice);
        }

        AnsiConsole.Write(table);
    }

    private static string Name(Level level) => level switch { Level.Ok => "ok", Level.Warn => "warn", Level.Fail => "fail" };
}
