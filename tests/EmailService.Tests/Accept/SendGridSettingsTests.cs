using EmailService.Accept;
using EmailService.Messages;

namespace EmailService.Tests.Accept;

/// <summary>What SendGrid's clients ask for besides sending.</summary>
public sealed class SendGridSettingsTests
{
    [Theory]
    [InlineData("bypass_list_management", SuppressionLists.All)]
    [InlineData("bypass_bounce_management", SuppressionLists.Bounces)]
    [InlineData("bypass_spam_management", SuppressionLists.SpamReports)]
    [InlineData("bypass_unsubscribe_management", SuppressionLists.Unsubscribes)]
    public void Each_bypass_names_its_lists(string setting, SuppressionLists lists)
    {
        Assert.Equal(lists, Reading.Read(Reading.Good(more: $"\"mail_settings\":{{\"{setting}\":{{\"enable\":true}}}}")).BypassedLists);
        Assert.Equal(SuppressionLists.None, Reading.Read(Reading.Good(more: $"\"mail_settings\":{{\"{setting}\":{{\"enable\":false}}}}")).BypassedLists);
    }

    [Fact]
    public void The_granular_ones_add_up() =>
        Assert.Equal(SuppressionLists.Bounces | SuppressionLists.SpamReports | SuppressionLists.Unsubscribes, Reading.Read(Reading.Good(more:
            "\"mail_settings\":{\"bypass_bounce_management\":{\"enable\":true},\"bypass_spam_management\":{\"enable\":true},\"bypass_unsubscribe_management\":{\"enable\":true}}")).BypassedLists);

    [Theory]
    [InlineData("bypass_bounce_management")]
    [InlineData("bypass_spam_management")]
    [InlineData("bypass_unsubscribe_management")]
    public void The_one_for_all_lists_stands_alone(string other)
    {
        var json = Reading.Good(more: $"\"mail_settings\":{{\"bypass_list_management\":{{\"enable\":true}},\"{other}\":{{\"enable\":true}}}}");

        Assert.All([SendApi.V1, SendApi.SendGrid], api => Assert.Equal("mail_settings.bypass_list_management", Reading.OnlyError(json, api).Field));
        Reading.Read(json.Replace($"\"{other}\":{{\"enable\":true}}", $"\"{other}\":{{\"enable\":false}}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("X-SMTPAPI")]
    [InlineData("x-smtpapi")]
    [InlineData("X-SmtpApi")]
    public void Instructions_to_the_SMTP_relay_never_leave_in_a_header(string name)
    {
        var headers = $$"""{"{{name}}":"{\"category\":\"x\"}","X-Other":"kept"}""";
        foreach (var json in new[]
        {
            Reading.Good(more: $"\"headers\":{headers}"),
            Reading.Good(personalizations: $$"""[{"to":[{"email":"a@b.example"}],"headers":{{headers}}}]"""),
        })
        {
            var request = Reading.Read(json, SendApi.SendGrid);
            Assert.Equal(["X-Other"], request.Content.Headers.Keys.Concat(request.Messages[0].Personalization.Headers.Keys));

            // v1 does not take what it does not do.
            Assert.EndsWith($"headers.{name}", Reading.OnlyError(json).Field, StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>Lists of recipients, in lines as SendGrid's helpers for SMTP make them.</summary>
    [Theory]
    [InlineData("{\\\"to\\\":\\r\\n [\\\"a@b.example\\\"]}", 1)]
    [InlineData("0123456789", 2_000)]
    public void Instructions_to_the_SMTP_relay_need_not_fit_into_a_header(string value, int times)
    {
        var json = Reading.Good(more: $"\"headers\":{{\"X-SMTPAPI\":\"{string.Concat(Enumerable.Repeat(value, times))}\"}}");

        Assert.Empty(Reading.Read(json, SendApi.SendGrid).Content.Headers);
        Assert.StartsWith("X-SMTPAPI is not acted on", Reading.OnlyError(json).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"email":"-dept-@demo.example","name":"-who-"}""", """{"-dept-":"sales","-who-":"Ana"}""", null)]
    [InlineData("""{"email":"{{dept}}@demo.example"}""", """{"{{dept}}":"a b"}""", "With these values in reply_to: Found \"a b@demo.example\".")]
    [InlineData("""{"email":"-dept-@demo.example"}""", """{"-dept-":"a@b.example,c"}""", "With these values in reply_to: Found")]
    [InlineData("""{"email":"r@demo.example","name":"-who-"}""", "{\"-who-\":\"a\\r\\nBcc: x@y.example\"}", "With these values in reply_to: The text has a line break")]
    [InlineData("""{"email":"r@demo.example","name":"-who-"}""", """{"-who-":""}""", null)]
    public void Substitutions_reach_the_reply_address_and_must_leave_one(string replyTo, string substitutions, string? problem)
    {
        var json = Reading.Good(personalizations: $$"""[{"to":[{"email":"a@b.example"}],"substitutions":{{substitutions}}}]""", more: $"\"reply_to\":{replyTo}");
        if (problem is null)
        {
            Reading.Read(json);
            return;
        }

        var error = Reading.OnlyError(json);
        Assert.Equal("personalizations.0.substitutions", error.Field);
        Assert.StartsWith(problem, error.Message, StringComparison.Ordinal);
    }
}
