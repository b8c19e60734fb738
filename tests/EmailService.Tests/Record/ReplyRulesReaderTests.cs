using EmailService.Smtp;
using System.Text;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Record;

namespace EmailService.Tests.Record;

/// <summary>An operator's file of rules: what it may say, and what is said about its mistakes.</summary>
public sealed class ReplyRulesReaderTests
{
    [Fact]
    public void Rule_of_the_operator_comes_before_the_shipped_ones()
    {
        var rules = Read("""
            {
              "version": "ours", // a comment
              "reasons": {"paused": {"class": "Technical", "kind": "soft", "broad": "network"}},
              "rules": [
                {"name": "their-migration", "reason": "paused", "code": "550", "text": "user unknown"},
                {"name": "full", "reason": "mailbox-full", "status": "x.9.20-26"},
              ],
            }
            """);

        Assert.True(ReplyText.TryParse("550 5.1.1 User unknown", out var reply));
        var meaning = rules.Classify(reply, FailureScope.Recipient);
        Assert.Equal(("their-migration", "paused", false), (meaning.Rule?.Name, meaning.Reason.Name, meaning.Suppress));
        Assert.True(ReplyText.TryParse("550 5.9.26 x", out var other));
        Assert.Equal("mailbox-full", rules.Classify(other, FailureScope.Recipient).Reason.Name);
        Assert.StartsWith("ours before ", rules.Version, StringComparison.Ordinal);
    }

    [Fact]
    public void Action_is_read_with_its_trigger()
    {
        var rules = Read("""
            {"version": "1", "rules": [{"name": "a", "reason": "rate-limited", "code": "421",
              "action": {"do": "lower-rate", "factor": 0.25, "for": "90m", "trigger": {"count": 3, "within": "10m"}}}]}
            """);

        Assert.Equal(new ReplyAction(ReplyActionKind.LowerRate, TimeSpan.FromMinutes(90), 0.25, 3, TimeSpan.FromMinutes(10)), rules.Rules[0].Action);
    }

    [Fact]
    public void Pattern_that_takes_too_long_counts_as_not_found_and_then_nothing_is_suppressed()
    {
        var rules = Read("""{"version": "1", "rules": [{"name": "slow", "reason": "spam", "text": "(a+)+(b+)+(a|aa)+$"}]}""");

        Assert.True(ReplyText.TryParse("550 5.1.1 " + new string('a', 200) + "! user unknown", out var reply));
        var meaning = rules.Classify(reply, FailureScope.Recipient);
        Assert.Equal(("unknown-user", false), (meaning.Reason.Name, meaning.Suppress));
    }

    [Theory]
    [InlineData("""{"version": "1", "rulez": []}""", "unknown key \"rulez\"; did you mean \"rules\"?")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "txt": "x"}]}""", "rule 1 \"a\": unknown key \"txt\"; did you mean \"text\"?")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "sppam", "code": "550"}]}""", "rule 1 \"a\": no reason \"sppam\"; did you mean \"spam\"?")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam"}]}""", "it would take every reply")]
    [InlineData("""{"version": "1", "rules": [{"reason": "spam", "code": "550"}]}""", "rule 1: \"name\" is missing")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "250"}]}""", "\"code\": found \"250\"")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": 550}]}""", "\"code\": found 550, expected a text or a list of texts")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "status": "5.x.1"}]}""", "\"status\": found \"5.x.1\"")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "text": "(a"}]}""", "is no pattern that can be used")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "550"}, {"name": "a", "reason": "spam", "code": "551"}]}""", "rule 2 \"a\": another rule has this name")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "550", "action": {"do": "pause", "for": "1h"}}]}""", "\"do\": found \"pause\", expected one of suspend-lane")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "550", "action": {"do": "defer"}}]}""", "\"for\" is missing")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "550", "action": {"do": "defer", "for": "30d"}}]}""", "up to 7d")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "550", "action": {"do": "lower-rate", "for": "1h"}}]}""", "\"factor\" is missing")]
    [InlineData("""{"version": "1", "rules": [{"name": "a", "reason": "spam", "code": "550", "action": {"do": "defer", "for": "1h", "trigger": {"count": 0, "within": "1h"}}}]}""", "whole number from 1 to 1000")]
    [InlineData("""{"version": "1", "reasons": {"x": {"class": "Content", "kind": "blocked", "broad": "content", "suppress": true}}, "rules": []}""", "only an address that takes no mail is suppressed")]
    [InlineData("""{"version": "1", "reasons": {"x": {"class": "Spam", "kind": "blocked", "broad": "content"}}, "rules": []}""", "\"class\": found \"Spam\", expected one of Invalid Address")]
    [InlineData("""{"version": "1", "version": "2", "rules": []}""", "version")]
    [InlineData("""{"version": "1", "rules": [}""", "Make it JSON")]
    [InlineData("[]", "expected an object")]
    public void Mistake_is_told_with_its_place_and_what_to_change(string json, string expected)
    {
        var problem = Assert.Throws<OperatorException>(() => Read(json));
        Assert.Contains("own.json: ", problem.Message, StringComparison.Ordinal);
        Assert.Contains(expected, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        var problem = Assert.Throws<OperatorException>(() => Read("""{"rules": [{"name": "a", "reason": "b"}, {"name": "c", "reason": "spam", "code": "1"}]}"""));
        Assert.StartsWith("The reply rules have 3 problems:", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_file_of_the_operator_stops_the_start()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{"version": "1", "rulse": []}""");
            var problem = Assert.Throws<OperatorException>(() => ServiceHost.Build([$"--EmailService:Record:ReplyRules={file}"]));
            Assert.Contains("EmailService:Record:ReplyRules: ", problem.Message, StringComparison.Ordinal);
            Assert.Contains("did you mean \"rules\"?", problem.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Missing_file_of_the_operator_stops_the_start()
    {
        var problem = Assert.Throws<OperatorException>(() => ServiceHost.Build(["--EmailService:Record:ReplyRules=/nowhere/replies.json"]));
        Assert.Contains("/nowhere/replies.json", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Command_prints_class_kind_rule_and_whether_it_suppresses()
    {
        Assert.True(ReplyText.TryParse("421 4.7.28 unusual rate of unsolicited mail - gsmtp", out var reply));

        var answer = ClassifyCommand.Answer(ReplyRules.Shipped, reply, SmtpStage.RcptTo);

        Assert.Contains("class     Frequency or Volume Too High\nkind      blocked\nabout     capacity\nreason    rate-limited\nsuppress  no\nrule      google-rate\naction    lower-rate to 0.5 of it for 01:00:00, after 5 within 00:10:00", answer, StringComparison.Ordinal);
    }

    private static ReplyRules Read(string json) => ReplyRulesReader.Read(Encoding.UTF8.GetBytes(json), "own.json", ReplyRules.Shipped);
}
