using EmailService.Accept;
using EmailService.Platform.Http;

namespace EmailService.Tests.Accept;

/// <summary>Refusals that sent their readers the wrong way.</summary>
public sealed class RefusalTextTests
{
    [Theory]
    [InlineData("{\"a\":1,}", 1, 8, "found \"}\" right after a comma. Take the comma out.")]
    [InlineData("{\n  \"to\": [\"ä\", ],\n}", 2, 15, "found \"]\" right after a comma. Take the comma out.")]
    [InlineData("{\"a\":1,,\"b\":2}", 1, 8, "found a second comma.")]
    [InlineData("{'a':1}", 1, 2, "found a single quote.")]
    [InlineData("{\"a\":'x'}", 1, 6, "found a single quote.")]
    [InlineData("{a:1}", 1, 2, "found \"a\". A name stands in double quotes.")]
    [InlineData("{\"a\":None}", 1, 6, "found \"N\". A text stands in double quotes; what has none is a number, true, false or null.")]
    [InlineData("{\"a\":hello}", 1, 6, "found \"h\". A text stands in double quotes")]
    [InlineData("{\"a\":1 \"b\":2}", 1, 8, "found \"\"\" where a comma is missing.")]
    [InlineData("[{} {}]", 1, 5, "found \"{\" where a comma is missing.")]
    [InlineData("{\"a\":\"x\ny\"}", 1, 8, "found a line break or another control character inside a text.")]
    [InlineData("{\"a\":\"C:\\dir\"}", 1, 10, "found \"d\" after a backslash.")]
    [InlineData("{\"a\":1} // done", 1, 9, "found a comment.")]
    [InlineData("{\"a\":“x”}", 1, 6, "found \"“\", a typographic quote.")]
    [InlineData("{\"a\":\"x\"", 1, 9, "the body ends before it is complete.")]
    [InlineData("{\"a\":[1,2", 1, 10, "the body ends before it is complete.")]
    [InlineData("{\"a\":\"x", 1, 8, "the body ends before it is complete.")]
    [InlineData("]", 1, 1, "found \"]\", which closes nothing that is open there.")]
    [InlineData("{\"a\":1}}", 1, 8, "found \"}\", which closes nothing that is open there.")]
    [InlineData("to=a%40b.example&text=x", 1, 2, "")]
    public void What_is_not_JSON_is_said_with_its_place_and_what_to_change(string body, int line, int column, string reason)
    {
        var help = Reading.OnlyError(body).Help!;

        Assert.StartsWith("The body is not JSON. Line ", help, StringComparison.Ordinal);
        Assert.True(help.StartsWith($"The body is not JSON. Line {line}, column {column}: {reason}", StringComparison.Ordinal), help);
        Assert.DoesNotContain("0x", help, StringComparison.Ordinal);
        Assert.DoesNotContain("reader options", help, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_nested_too_deeply_is_said_to_be() =>
        Assert.Equal("The body is not JSON. Line 1, column 33: objects and lists are nested too deeply. It comes after: …" + new string('[', 30), Reading.OnlyError(new string('[', 100)).Help);

    [Fact]
    public void Whatever_is_broken_the_place_is_within_the_body_and_the_text_is_short()
    {
        var good = Reading.Good(personalizations: """[{"to":[{"email":"ana@shop.example","name":"Ána 😀"}]}]""", more: "\"custom_args\":{\"a\":1.5e3,\"b\":true}");
        const string Splices = "{}[]\",:\\\n\t\u001b'/x9-+éü“\u2028";
        var random = new Random(41);
        for (var i = 0; i < 20_000; i++)
        {
            var broken = new System.Text.StringBuilder(good);
            for (var changes = random.Next(1, 4); changes > 0 && broken.Length > 0; changes--)
            {
                var at = random.Next(broken.Length);
                _ = random.Next(3) switch
                {
                    0 => broken.Remove(at, 1),
                    1 => broken.Insert(at, Splices[random.Next(Splices.Length)]),
                    _ => broken.Remove(at, Math.Min(random.Next(1, 200), broken.Length - at)),
                };
            }

            var text = broken.ToString();
            if (SendRequestReader.TryRead(System.Text.Encoding.UTF8.GetBytes(text), Reading.Now, Reading.Pools, SendApi.V1, out _, out var errors)
                || errors[0].Message != "Bad Request" || string.IsNullOrWhiteSpace(text))
            {
                continue;
            }

            var help = errors[0].Help!;
            var place = System.Text.RegularExpressions.Regex.Match(help, @"^The body is not JSON\. Line (\d+), column (\d+): ");
            Assert.True(place.Success, help);
            var lines = text.Split('\n');
            var line = int.Parse(place.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(line, 1, lines.Length);
            Assert.InRange(int.Parse(place.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture), 1, lines[line - 1].Length + 1);
            Assert.True(help.Length < 300 && !help.Any(char.IsControl), help);
        }
    }

    [Fact]
    public void An_empty_body_is_said_to_be_empty() =>
        Assert.All(["", " ", "\n"], body => Assert.Equal("The body is empty; it should be a JSON object.", Reading.OnlyError(body).Help));

    [Fact]
    public void No_content_names_the_short_form_too() =>
        Assert.All([SendApi.V1, SendApi.SendGrid], api =>
            Assert.Equal(("content", "Give content, or the short form: text, html or both."),
                Named(Reading.OnlyError("""{"from":"a@b.example","to":"c@b.example","subject":"S"}""", api))));

    [Fact]
    public void A_body_is_text_or_html()
    {
        var errors = Reading.Errors("""{"from":"a@b.example","to":"c@b.example","subject":"S","body":"Hello"}""");

        Assert.Equal(("Unknown field \"body\". Did you mean \"text\"?", "Or \"html\", if it is HTML."), (errors[0].Message, errors[0].Help));
    }

    [Theory]
    [InlineData("a@b.example, c@b.example", "These are 2 addresses in one text. Give a list with an entry for each: \"a@b.example\", \"c@b.example\".")]
    [InlineData("a@b.example;c@b.example;d@b.example;e@b.example", "These are 4 addresses in one text. Give a list with an entry for each: \"a@b.example\", \"c@b.example\", \"d@b.example\", ….")]
    [InlineData("Ana <a@b.example>, \\\"B, C\\\" <c@b.example>", "These are 2 addresses in one text.")]
    [InlineData("a@b.example c@b.example", "These are 2 addresses in one text.")]
    public void Two_addresses_in_one_text_are_said_to_be_two(string text, string says)
    {
        foreach (var json in new[]
        {
            $$"""{"from":"x@b.example","to":"{{text}}","subject":"S","text":"T"}""",
            $$"""{"from":"x@b.example","to":["{{text}}"],"subject":"S","text":"T"}""",
            Reading.Good(personalizations: $$"""[{"to":[{"email":"{{text}}"}]}]"""),
        })
        {
            var error = Reading.OnlyError(json);
            Assert.Equal("Does not contain a valid address.", error.Message);
            Assert.Contains(says, error.Help, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Where_one_address_stands_two_are_said_to_be_too_many()
    {
        Assert.EndsWith("A mail has one from.", Reading.OnlyError("""{"from":"a@b.example,c@b.example","to":"d@b.example","subject":"S","text":"T"}""").Help, StringComparison.Ordinal);
        Assert.EndsWith("Give reply_to_list instead: [\"a@b.example\", \"c@b.example\"].", Reading.OnlyError(Reading.Good(more: "\"reply_to\":\"a@b.example,c@b.example\"")).Help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a@b@c.example")]
    [InlineData("a@b.example, c")]
    [InlineData("\\\"a,b@c\\\"@d.example@e.example")]
    public void What_is_one_bad_address_is_not_said_to_be_two(string text) =>
        Assert.DoesNotContain("in one text", Reading.OnlyError($$"""{"from":"x@b.example","to":"{{text}}","subject":"S","text":"T"}""").Help, StringComparison.Ordinal);

    [Theory]
    [InlineData("2026-11-22T12:00:00Z", 24)]
    [InlineData("2026-11-22T12:00Z", 24)]
    [InlineData("2026-11-22t12:00:00z", 24)]
    [InlineData("2026-11-22 12:00:00Z", 24)]
    [InlineData("2026-11-22T12:00:00.123456789Z", null)]
    [InlineData("2026-11-22T12:00:00.1234567Z", 24)]
    [InlineData("2026-11-22T13:30:00+01:30", 24)]
    [InlineData("2026-11-22T04:00:00.5-08:00", 24)]
    [InlineData("2026-11-22T12:00:00", null)]
    [InlineData("2026-11-22", null)]
    [InlineData("2026-02-30T12:00:00Z", null)]
    [InlineData("22.11.2026 12:00 Z", null)]
    [InlineData("tomorrow", null)]
    [InlineData("1795305600", null)]
    public void A_time_in_ISO_8601_is_taken_by_v1_when_it_says_which_hour_is_meant(string text, int? hoursFromNow)
    {
        foreach (var json in new[] { Reading.Good(more: $"\"send_at\":\"{text}\""), Reading.Good(personalizations: $$"""[{"to":[{"email":"a@b.example"}],"send_at":"{{text}}"}]""") })
        {
            if (hoursFromNow is { } hours)
            {
                Assert.Equal(Reading.Now.AddHours(hours), Reading.Read(json).Messages[0].SendAt);
            }
            else
            {
                var error = Reading.OnlyError(json);
                Assert.StartsWith("The send_at parameter is expecting a Unix timestamp as an integer.", error.Message, StringComparison.Ordinal);
                Assert.StartsWith($"Found \"{text}\"", error.Help, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_time_that_passed_is_now_and_one_too_far_is_refused_in_either_form()
    {
        Assert.Null(Reading.Read(Reading.Good(more: "\"send_at\":\"1969-01-01T00:00:00Z\"")).Messages[0].SendAt);
        Assert.Equal("Scheduling more than 72 hours in advance is forbidden.", Reading.OnlyError(Reading.Good(more: "\"send_at\":\"2026-11-24T12:00:01Z\"")).Message);
    }

    [Fact]
    public void The_way_of_SendGrid_says_the_number_that_a_time_in_ISO_8601_is() =>
        Assert.Equal("Found \"2026-11-22T12:00:00Z\", which is 1795348800. POST /v1/send takes it as it is.",
            Reading.OnlyError(Reading.Good(more: "\"send_at\":\"2026-11-22T12:00:00Z\""), SendApi.SendGrid).Help);

    private static (string?, string?) Named(FieldError error) => (error.Field, error.Help);
}
