namespace EmailService.Tests.Steer;

/// <summary><c>retry|expire|tail</c> as an operator types them.</summary>
public sealed class LeverCommandsTests(CommandLine line) : IClassFixture<CommandLine>
{
    [Fact]
    public async Task A_domain_may_be_written_as_people_write_it()
    {
        await line.ExecuteAsync("""
            INSERT INTO outbox (message_id, n, account_id, address, lane, state, due_at, expires_at)
            VALUES ('00000000-0000-0000-0000-000000000001', 0, 1, 'anna@xn--bcher-kva.example', 'xn--bcher-kva.example', 'queued', now() + interval '1 hour', now() + interval '2 days')
            """);

        Assert.StartsWith("1 ", await line.RunAsync("retry", "--domain", "Bücher.example"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("retry --domain gmail,com", "--domain: found \"gmail,com\", expected a domain such as example.com")]
    [InlineData("expire --domain anna@shop.test --yes", "--domain: found \"anna@shop.test\", expected a domain such as example.com")]
    [InlineData("tail --domain shop..test", "--domain: found \"shop..test\", expected a domain such as example.com")]
    public async Task What_is_no_domain_is_refused_and_not_taken_for_one_without_mail(string typed, string told) =>
        Assert.Contains(told, await line.RefusedAsync(typed.Split(' ')), StringComparison.Ordinal);
}
