using System.Text.RegularExpressions;

namespace EmailService.Tests.Agreement;

/// <summary>docs/operating.md says which migrations keep accepts waiting while the queue is long.</summary>
public sealed partial class MigrationDocsTests
{
    [Fact]
    public void Every_migration_that_goes_through_the_outbox_under_a_lock_is_named_where_upgrades_are_described()
    {
        var docs = Repository.Read("docs/operating.md");
        var start = docs.IndexOf("\n## Upgrades\n", StringComparison.Ordinal);
        var upgrades = docs[start..docs.IndexOf("\n## ", start + 1, StringComparison.Ordinal)];
        var migrations = Directory.EnumerateFiles(Path.Combine(Repository.Root, "migrations"), "*.sql").Select(f => (Name: Path.GetFileName(f), Sql: File.ReadAllText(f)))
            .Where(m => GoesThroughOutbox().IsMatch(m.Sql) && !m.Sql.Contains("CREATE TABLE outbox (", StringComparison.Ordinal))
            .Select(m => m.Name[..4]).Order().ToList();

        Assert.NotEmpty(migrations);
        Assert.Equal(migrations, Number().Matches(upgrades).Select(m => m.Value).Distinct().Order());
    }

    [GeneratedRegex(@"(CREATE (UNIQUE )?INDEX \w+ ON|ALTER TABLE) outbox\b")]
    private static partial Regex GoesThroughOutbox();

    [GeneratedRegex(@"\b00\d\d\b")]
    private static partial Regex Number();
}
