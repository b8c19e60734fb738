namespace EmailService.Tests.Record;

/// <summary><c>suppressions list|remove</c> as an operator types them.</summary>
public sealed class SuppressionsCommandTests(CommandLine line) : IClassFixture<CommandLine>
{
    [Fact]
    public async Task An_address_is_listed_with_the_reply_that_led_to_it_and_may_get_mail_again_once()
    {
        await SuppressAsync("gone@shop.test", "other@shop.test");

        var all = await line.RunAsync("suppressions", "list");
        Assert.Contains("gone@shop.test  since 2030-01-02T12:00:00Z  unknown-user: 550 5.1.1 No such user  (message ", all, StringComparison.Ordinal);
        Assert.Contains("other@shop.test", all, StringComparison.Ordinal);
        Assert.DoesNotContain("other@shop.test", await line.RunAsync("suppressions", "list", "--email", "Gone@shop.test"), StringComparison.Ordinal);

        Assert.Equal("Removed.\n", await line.RunAsync("suppressions", "remove", "Gone@shop.test"));

        Assert.DoesNotContain("gone@shop.test", await line.RunAsync("suppressions", "list"), StringComparison.Ordinal);
        Assert.Contains("gone@shop.test is not suppressed for the account.", await line.RefusedAsync("suppressions", "remove", "gone@shop.test"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_counts_against_an_address_and_does_not_suppress_it_is_not_listed()
    {
        await SuppressAsync("alive@shop.test");
        await line.ExecuteAsync("UPDATE suppressions SET since = NULL WHERE address = 'alive@shop.test'");

        Assert.DoesNotContain("alive@shop.test", await line.RunAsync("suppressions", "list"), StringComparison.Ordinal);
        Assert.Contains("is not suppressed", await line.RefusedAsync("suppressions", "remove", "alive@shop.test"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("suppressions list --acount default", "'--acount'")]
    [InlineData("suppressions list --account nobody", "nobody")]
    [InlineData("suppressions remove", "'remove'")]
    public async Task A_mistake_is_refused_and_named(string typed, string told) =>
        Assert.Contains(told, await line.RefusedAsync(typed.Split(' ')), StringComparison.Ordinal);

    private async Task SuppressAsync(params string[] addresses)
    {
        foreach (var address in addresses)
        {
            await line.ExecuteAsync($"""
                INSERT INTO suppressions (account_id, address, reason, reply, message_id, bounced_at, since)
                SELECT id, '{address}', 'unknown-user', '550 5.1.1 No such user', gen_random_uuid(), '2030-01-02T12:00:00Z', '2030-01-02T12:00:00Z' FROM accounts WHERE name = 'default'
                """);
        }
    }
}
