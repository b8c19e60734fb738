using System.Text.RegularExpressions;

namespace EmailService.Tests.Steer;

/// <summary><c>overlays|suspend|resume|slow|reroute|lift</c> as an operator types them.</summary>
public sealed class OverlayCommandsTests(CommandLine line) : IClassFixture<CommandLine>
{
    [Fact]
    public async Task A_suspension_is_listed_with_its_scope_and_end_until_just_this_scope_is_resumed()
    {
        var imposed = await line.RunAsync("suspend", "--domain", "Shop.test", "--for", "1h");

        Assert.Matches(@"^\d+ +suspend +until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  domain shop\.test  \(operator\)\n$", imposed);
        Assert.Contains(imposed, await line.RunAsync("overlays"), StringComparison.Ordinal);
        Assert.Contains("Nothing of just this scope is suspended", await line.RefusedAsync("resume", "--domain", "shop.test", "--lane", "mx:shop.test"), StringComparison.Ordinal);

        Assert.Equal($"Lifted: {IdOf(imposed)}\n", await line.RunAsync("resume", "--domain", "shop.test"));
        Assert.DoesNotContain("shop.test", await line.RunAsync("overlays"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lane_that_is_slowed_and_one_that_is_sent_elsewhere_are_lifted_by_their_numbers()
    {
        var slowed = await line.RunAsync("slow", "--lane", "provider:google", "--factor", "0.5", "--until", TimeProvider.System.GetUtcNow().AddHours(2).ToString("O"));
        var rerouted = await line.RunAsync("reroute", "--account", "default", "--to", "relay.example:587", "--for", "1d");

        Assert.Contains("lower_rate to 0.5", slowed, StringComparison.Ordinal);
        Assert.Contains("lane provider:google", slowed, StringComparison.Ordinal);
        Assert.Contains("reroute to relay.example:587", rerouted, StringComparison.Ordinal);
        Assert.Contains("account default", rerouted, StringComparison.Ordinal);

        Assert.Equal("Lifted: lower_rate of lane provider:google\n", await line.RunAsync("lift", IdOf(slowed)));
        Assert.StartsWith("Lifted: reroute of account ", await line.RunAsync("lift", IdOf(rerouted)), StringComparison.Ordinal);
        Assert.Contains($"There is no overlay {IdOf(slowed)}; it has ended, or was lifted already.", await line.RefusedAsync("lift", IdOf(slowed)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_rule_and_the_reply_that_imposed_an_overlay_are_shown()
    {
        await line.ExecuteAsync("""
            INSERT INTO overlays (kind, lane, source, until, origin, rule, reply, created_at, changed_at)
            VALUES ('next_source', 'mx:strict.test', 'a', now() + interval '1 hour', 'reply', 'named-list', '550 5.7.1 Listed', now(), now())
            """);

        var listed = await line.RunAsync("overlays");

        Assert.Contains("lane mx:strict.test, source a  (rule named-list: 550 5.7.1 Listed)", listed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("suspend --domian shop.test --for 1h", "'--domian'")]
    [InlineData("suspend --for 1h", "--lane: found no scope, expected one or more of lane, domain, account and source")]
    [InlineData("suspend --domain shop.test", "--for: found neither for nor until")]
    [InlineData("suspend --domain shop.test --for 1x", "--for: found \"1x\", expected a duration such as 30m, 4h or 2d")]
    [InlineData("suspend --account nobody --for 1h", "--account: found \"nobody\", expected the name of an account")]
    [InlineData("resume --account nobody", "--account: found \"nobody\", expected the name of an account")]
    [InlineData("slow --lane mx:a --for 1h", "'--factor'")]
    [InlineData("slow --lane mx:a --factor 2 --for 1h", "--factor: found 2, expected a number from 0.05 to below 1")]
    [InlineData("slow --domain shop.test --factor 0.5 --for 1h", "--lane: a rate belongs to a lane")]
    [InlineData("reroute --domain shop.test --to bad_host:x --for 1h", "--to: found \"bad_host:x\", expected host or host:port")]
    [InlineData("lift everything", "'everything'")]
    public async Task A_mistake_is_refused_with_the_option_as_it_is_typed_and_imposes_nothing(string typed, string told)
    {
        var before = await line.ScalarAsync<long>("SELECT count(*) FROM overlays");

        Assert.Contains(told, await line.RefusedAsync(typed.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await line.ScalarAsync<long>("SELECT count(*) FROM overlays"));
    }

    private static string IdOf(string imposed) => Regex.Match(imposed, @"^\d+").Value;
}
