using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Platform;

namespace EmailService.Tests.Platform;

/// <summary>A name that somebody gives to a key, an account, a webhook or an overlay stands on other people's terminals and pages: it must not read as another one.</summary>
public sealed class Names_read_as_they_are(CommandLine line) : IClassFixture<CommandLine>
{
    /// <summary>Directions, breaks, controls, and what is shown as nothing: by itself, at the end and within.</summary>
    private static readonly string[] unseen =
    [
        "\u202e", "\u202d", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\u2060", "\u2064", "\u00ad", "\u180e", "\ufeff", "\ufffa", "\u3164", "\u115f", "\uffa0", "\u2800",
        "\u034f", "\u2028", "\u2029", "\u0085", "\u001b", "\u007f", "\u0000", "\u000a", "\U000E0041", "\U000E0100", "\U0001D173", "\ufffe", "\ufdd0", "\U0001FFFF",
    ];

    [Fact]
    public async Task What_is_not_seen_is_refused_wherever_something_is_named()
    {
        await using var service = await RunningService.StartAsync();
        var taken = new List<string>();
        foreach (var mark in unseen)
        {
            foreach (var name in new[] { mark, $"prod{mark}", $"pr{mark}od" })
            {
                foreach (var field in new[] { "lane", "account", "source" })
                {
                    await RefusedAsync("/v1/overlays", new Dictionary<string, string> { ["kind"] = "suspend", ["for"] = "1h", [field] = name }, field, name);
                }
            }

            // Once a mark: so many keys are made in a row.
            await RefusedAsync("/v1/keys", new { name = $"pr{mark}od" }, "name", mark);
            await RefusedAsync("/v1/webhooks", new { url = $"https://hooks.example/ev{mark}ents" }, "url", mark);
        }

        Assert.True(taken.Count == 0, string.Join('\n', taken));

        async Task RefusedAsync(string path, object body, string field, string name)
        {
            using var answer = await service.Client.PostAsJsonAsync(path, body);
            var said = await answer.Content.ReadFromJsonAsync<JsonElement>();
            if (answer.StatusCode != HttpStatusCode.BadRequest || said.GetProperty("errors")[0].GetProperty("field").GetString() != field)
            {
                taken.Add($"{path} {field} {string.Join(' ', name.Select(c => ((int)c).ToString("x4", CultureInfo.InvariantCulture)))}: {(int)answer.StatusCode} {said}");
            }
        }
    }

    /// <summary>The name that is kept is the one in DNS: letters and digits alone.</summary>
    [Fact]
    public async Task A_domain_is_kept_as_plain_letters_or_refused()
    {
        await using var service = await RunningService.StartAsync();
        foreach (var mark in unseen)
        {
            foreach (var text in new[] { $"sh{mark}op.example", $"shop.ex{mark}ample", $"shop.example{mark}" })
            {
                if (SendingDomains.TryNormalize(text, out var name, out _))
                {
                    Assert.All(name, c => Assert.True(char.IsAsciiLetterOrDigit(c) || c is '.' or '-', $"U+{(int)c:X4} is kept of {text}"));
                }
            }
        }

        using var answer = await service.Client.PostAsJsonAsync("/v1/domains", new { name = "shop\u202e.example" });
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("shop")]
    [InlineData("João – ação")]
    [InlineData("日本語")]
    [InlineData("עברית")]
    [InlineData("می\u200cخواهم")]
    [InlineData("👩\u200d👩\u200d👧 \u2764\ufe0f")]
    [InlineData(" a b ")]
    public void Names_of_languages_are_taken(string name) => Assert.Null(ShownName.Problem(name, 100));

    [Theory]
    [InlineData("", "found nothing but 0 blanks, expected 1 to 5 characters that can be seen")]
    [InlineData(" \u00a0\u3000", "found nothing but 3 blanks, expected 1 to 5 characters that can be seen")]
    [InlineData("abcdef", "found 6 characters, expected 1 to 5")]
    [InlineData("👧\u202ea", "found U+202E as character 2, which is not seen")]
    [InlineData("👧\U000E0041", "found U+E0041 as character 2, which is not seen")]
    public void What_is_wrong_is_named_with_its_place(string name, string told) => Assert.StartsWith(told, ShownName.Problem(name, 5), StringComparison.Ordinal);

    [Fact]
    public void No_character_that_would_be_cleaned_out_of_a_strangers_words_is_in_a_name()
    {
        for (var value = 0; value <= 0x10FFFF; value++)
        {
            if (Rune.IsValid(value) && ShownName.Problem($"a{new Rune(value)}b", 10) is null)
            {
                Assert.Equal($"a{new Rune(value)}b", OneLine.Of($"a{new Rune(value)}b", 10));
            }
        }

        Assert.NotNull(ShownName.Problem($"a{(char)0xD83D}", 10));
    }

    [Fact]
    public async Task Commands_refuse_them_and_show_older_ones_without()
    {
        Assert.Contains("found U+202E as character 3", await line.RefusedAsync("keys", "create", "sh\u202eop"), StringComparison.Ordinal);
        Assert.Contains("found U+202E as character 3", await line.RefusedAsync("keys", "create", "shop", "--account", "sh\u202eop"), StringComparison.Ordinal);
        Assert.Contains("found U+200B as character 5", await line.RefusedAsync("suspend", "--lane", "shop\u200b", "--for", "1h"), StringComparison.Ordinal);

        await line.ExecuteAsync("""
            INSERT INTO accounts (name) VALUES (E'sh\u202eop');
            INSERT INTO api_keys (id, account_id, name, secret_hash, created_at) SELECT 'older', id, E'a\u202eb\u001b[31m', 'x', now() FROM accounts WHERE name = 'default';
            INSERT INTO overlays (kind, lane, account_id, until, origin, created_at, changed_at)
            SELECT 'suspend', E'a\u202eb', id, now() + interval '1 hour', 'operator', now(), now() FROM accounts WHERE name LIKE 'sh_op';
            """);

        foreach (var printed in new[] { await line.RunAsync("keys", "list"), await line.RunAsync("overlays"), await line.RunAsync("lift", $"{await line.ScalarAsync<long>("SELECT max(id) FROM overlays")}") })
        {
            Assert.Contains("a\uFFFDb", printed, StringComparison.Ordinal);
            Assert.DoesNotContain('\u202e', printed);
            Assert.DoesNotContain('\u001b', printed);
        }

        // It was there before there was a rule, and its keys are still made.
        Assert.StartsWith("SG.", await line.RunAsync("keys", "create", "more", "--account", "sh\u202eop"), StringComparison.Ordinal);
    }
}
