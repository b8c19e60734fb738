using System.Text.RegularExpressions;

namespace EmailService.Tests.Accounts;

/// <summary><c>keys create|list|revoke</c> as an operator types them.</summary>
public sealed partial class KeysCommandTests(CommandLine line) : IClassFixture<CommandLine>
{
    [Fact]
    public async Task Keys_are_listed_the_newest_first_and_all_but_one_are_revoked()
    {
        var kept = IdOf(await line.RunAsync("keys", "create", "kept", "--account", "shop"));
        var lost = IdOf(await line.RunAsync("keys", "create", "lost", "--operator", "--account", "shop"));

        var listed = (await line.RunAsync("keys", "list", "--account", "shop")).Split('\n');
        Assert.Matches($"^{Regex.Escape(lost)}  .* active .* never used .* operator  lost$", listed[0]);
        Assert.Matches($"^{Regex.Escape(kept)}  .* active .* never used .*  kept$", listed[1]);
        Assert.DoesNotContain("operator", listed[1], StringComparison.Ordinal);

        // With =: an id may begin with a hyphen.
        Assert.Equal($"Revoked 1; {kept} is kept.\n", await line.RunAsync("keys", "revoke", $"--all-but={kept}", "--account", "shop"));
        listed = (await line.RunAsync("keys", "list", "--account", "shop")).Split('\n');
        Assert.Contains(" revoked ", listed[0], StringComparison.Ordinal);
        Assert.Contains(" active ", listed[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("keys revoke", "Give either the id of the key to revoke, or --all-but")]
    [InlineData("keys revoke a --all-but b", "Give either the id of the key to revoke, or --all-but")]
    [InlineData("keys revoke --all-but misspelt", "Nothing was revoked: the account has no key misspelt that works.")]
    [InlineData("keys revoke misspelt", "There is no key misspelt, or it is revoked already.")]
    public async Task A_mistake_revokes_nothing(string typed, string told)
    {
        await line.RunAsync("keys", "create");

        Assert.Contains(told, await line.RefusedAsync(typed.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(0, await line.ScalarAsync<long>("SELECT count(*) FROM api_keys k JOIN accounts a ON a.id = k.account_id WHERE a.name = 'default' AND revoked_at IS NOT NULL"));
    }

    private static string IdOf(string key) => Key().Match(key).Groups[1].Value;

    [GeneratedRegex(@"^SG\.([\w-]{22})\.")]
    private static partial Regex Key();
}
