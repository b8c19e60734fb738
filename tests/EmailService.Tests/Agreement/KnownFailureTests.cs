using System.Text.RegularExpressions;

namespace EmailService.Tests.Agreement;

/// <summary>The table of <c>docs/architecture.md</c> that says which test holds against which known failure: the tests are there.</summary>
public sealed partial class KnownFailureTests
{
    [Fact]
    public void Every_test_that_the_table_names_is_there()
    {
        var rows = Row().Matches(Repository.Read("docs/architecture.md"));

        Assert.True(rows.Count >= 10, $"found {rows.Count} rows");
        Assert.All(rows, row => Assert.Matches($@"public async Task {row.Groups["test"].Value}\(", Repository.Read($"tests/{row.Groups["file"].Value}")));
    }

    [GeneratedRegex(@"^\|[^|]+\| `(?<file>EndToEnd/\w+\.cs)` \| `(?<test>\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
