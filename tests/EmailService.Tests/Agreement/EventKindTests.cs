using System.Text.RegularExpressions;
using EmailService.Messages;
using YamlDotNet.RepresentationModel;

namespace EmailService.Tests.Agreement;

/// <summary>The words for what happens to a message are the same in C#, in the tables and in the API's description.</summary>
public sealed partial class EventKindTests
{
    private static readonly string[] Kinds = [.. Enum.GetValues<EventKind>().Select(Names.ToName).Order(StringComparer.Ordinal)];

    private static readonly string[] Ends =
    [
        .. Enum.GetValues<RecipientState>().Except([RecipientState.Queued, RecipientState.Leased]).Select(Names.ToName).Order(StringComparer.Ordinal),
    ];

    [Fact]
    public void Table_of_events_takes_every_kind_and_no_other() => Assert.Equal(Kinds, Allowed("events", "kind"));

    [Fact]
    public void Table_of_settled_recipients_takes_every_end_and_no_other() => Assert.Equal(Ends, Allowed("settled", "state"));

    [Fact]
    public void Description_of_the_api_names_every_kind_and_no_other()
    {
        var yaml = new YamlStream();
        using var reader = new StringReader(Repository.Read("openapi.yaml"));
        yaml.Load(reader);
        var schema = yaml.Documents[0].RootNode["components"]["schemas"]["EventKind"];

        Assert.Equal(Kinds, ((YamlSequenceNode)schema["enum"]).Select(node => ((YamlScalarNode)node).Value!).Order(StringComparer.Ordinal));
    }

    /// <summary>What the last migration that speaks of it lets into a column.</summary>
    private static IEnumerable<string> Allowed(string table, string column)
    {
        var sql = string.Join('\n', Directory.EnumerateFiles(Path.Combine(Repository.Root, "migrations"), "*.sql").Order(StringComparer.Ordinal).Select(File.ReadAllText));
        var body = Regex.Match(sql, $@"CREATE TABLE {table} \((.*?)\n\)", RegexOptions.Singleline).Groups[1].Value;
        var changed = Regex.Matches(sql, $@"ALTER TABLE {table}\b[^;]*CHECK \({column} IN \(([^)]*)\)", RegexOptions.Singleline).LastOrDefault()?.Groups[1].Value;
        var list = changed ?? Regex.Match(body, $@"CHECK \({column} IN \(([^)]*)\)", RegexOptions.Singleline).Groups[1].Value;
        return Word().Matches(list).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal);
    }

    [GeneratedRegex("'([a-z_]+)'")]
    private static partial Regex Word();
}
