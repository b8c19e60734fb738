using System.Text.RegularExpressions;
using EmailService.ServiceKit;

namespace EmailService.Tests.Agreement;

/// <summary>Every command of the program is in the table of <c>docs/operating.md</c>, and the reverse.</summary>
public sealed partial class CommandTests
{
    [Fact]
    public async Task Every_command_is_in_the_operating_guide()
    {
        var guide = Repository.Read("docs/operating.md");
        var from = guide.IndexOf("\n## Commands\n", StringComparison.Ordinal);
        var table = guide[from..guide.IndexOf("\n## ", from + 1, StringComparison.Ordinal)];
        var told = Row().Matches(table).SelectMany(row => Name().Matches(row.Groups[1].Value).Select(name => name.Groups[1].Value)).ToList();

        var commands = new List<string>();
        foreach (var command in Commands(await HelpAsync()))
        {
            var below = Commands(await HelpAsync(command));
            commands.AddRange(below.Count == 0 ? [command] : below.Select((name, i) => i == 0 ? $"{command} {name}" : name));
        }

        Assert.Equal(commands.Order(StringComparer.Ordinal), told.Order(StringComparer.Ordinal));
    }

    private static Task<string> HelpAsync(params string[] command) => ServiceProcess.RunAsync(Path.GetTempPath(), [.. command, "--help"]);

    private static List<string> Commands(string help) => help.IndexOf("\nCommands:", StringComparison.Ordinal) is >= 0 and var start
        ? [.. Listed().Matches(help[start..]).Select(match => match.Groups[1].Value)]
        : [];

    [GeneratedRegex(@"^\| (`[^|]*) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([a-z ]+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"^  ([a-z]+)", RegexOptions.Multiline)]
    private static partial Regex Listed();
}
