using System.Text.Json;
using EmailService.TestKit;

namespace EmailService.Tests.Accept;

/// <summary>Which headers a caller may give, which are taken into our own, and which are refused and why.</summary>
public sealed class HeaderRulesTests
{
    public static TheoryData<string, string> Refused { get; } = new()
    {
        { "Received", "Mail hosts on the way write this header" },
        { "Received-SPF", "Mail hosts on the way write this header" },
        { "X-Received", "Mail hosts on the way write this header" },
        { "Authentication-Results", "Mail hosts on the way write this header" },
        { "ARC-Seal", "Mail hosts on the way write this header" },
        { "arc-message-signature", "Mail hosts on the way write this header" },
        { "BIMI-Indicator", "Mail hosts on the way write this header" },
        { "Delivered-To", "Mail hosts write this header to find mail that runs in a circle" },
        { "Resent-From", "These headers say that somebody else sent a message on" },
        { "Resent-Message-ID", "These headers say that somebody else sent a message on" },
        { "Content-Type", "The service writes the headers that say how the message is built" },
        { "content-transfer-encoding", "The service writes the headers that say how the message is built" },
        { "Content-Length", "The service writes the headers that say how the message is built" },
        { "Content-Location", "The service writes the headers that say how the message is built" },
        { "Content-Something-New", "The service writes the headers that say how the message is built" },
        { "DKIM-Signature", "A signature is made by who answers for it" },
        { "DomainKey-Signature", "A signature is made by who answers for it" },
        { "From", "This header is written by the service" },
        { "reply-to", "This header is written by the service" },
        { "Bcc", "This header is written by the service" },
        { "x-sg-eid", "This header is written by the service" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Header_that_would_forge_or_break_is_refused_and_the_answer_says_why(string name, string why)
    {
        foreach (var (json, field) in new[] { (Request(name, "x"), $"headers.{name}"), (Own(name, "x"), $"personalizations.0.headers.{name}") })
        {
            var error = Reading.OnlyError(json);
            Assert.Equal((field, "Header can not be one of the reserved keys."), (error.Field, error.Message));
            Assert.StartsWith(why, error.Help, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Content-Language", "de, en")]
    [InlineData("Content-Description", "An order")]
    [InlineData("Content-Class", "urn:content-classes:calendarmessage")]
    [InlineData("Sender", "Shop <shop@demo.example>")]
    [InlineData("X-Received-By", "counter 3")]
    [InlineData("Errors-To", "errors@demo.example")]
    [InlineData("Importance", "high")]
    [InlineData("Organization", "Grüße AG")]
    public void Header_that_harms_nobody_goes_out(string name, string value) =>
        Assert.Equal(value, Composing.Mail(Request(name, value)).Field(name));

    [Theory]
    [InlineData("Boss <boss@other.example>", "The Sender must be of the domain that the message is from, demo.example")]
    [InlineData("boss@sub.demo.example", "The Sender must be of the domain that the message is from, demo.example")]
    [InlineData("nobody", "The Sender must be one mailbox")]
    [InlineData("a@demo.example, b@demo.example", "The Sender must be one mailbox")]
    public void Sender_of_another_is_refused(string sender, string message)
    {
        Assert.StartsWith(message, Reading.OnlyError(Request("Sender", sender)).Message, StringComparison.Ordinal);
        Assert.StartsWith(message, Assert.Single(Reading.Errors(Own("Sender", sender))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_before_the_Senders_address_are_one_name()
    {
        var mail = Composing.Mail(Request("Sender", "boss@other.example, x <s@demo.example>"));
        Assert.Equal("\"boss@other.example, x\" <s@demo.example>", mail.RawField("Sender"));
    }

    [Fact]
    public void Sender_of_the_request_must_also_be_that_of_a_personalization_from_another_domain()
    {
        var error = Reading.OnlyError(Reading.Good(
            personalizations: """[{"to":[{"email":"ana@shop.example"}],"from":{"email":"a@other.example"}}]""", more: "\"headers\":{\"Sender\":\"s@demo.example\"}"));
        Assert.Equal("personalizations.0.headers.Sender", error.Field);
    }

    [Theory]
    [InlineData("Message-ID", "<order-1@shop.example>", "Message-ID", "<order-1@shop.example>")]
    [InlineData("message-id", " order-1@shop.example ", "Message-ID", "<order-1@shop.example>")]
    [InlineData("Date", "Wed, 04 Mar 2026 05:06:07 -0300", "Date", "Wed, 4 Mar 2026 05:06:07 -0300")]
    [InlineData("MIME-Version", "2.0", "MIME-Version", "1.0")]
    [InlineData("Return-Path", "<boss@other.example>", "Return-Path", null)]
    public void Field_that_every_message_has_is_taken_from_the_headers_or_passed_over(string name, string value, string field, string? expected)
    {
        foreach (var json in new[] { Request(name, value), Own(name, value) })
        {
            var mail = Composing.Mail(json);
            Assert.Equal(expected is null ? [] : [expected], mail.Headers.Where(h => h.Field.Equals(field, StringComparison.OrdinalIgnoreCase)).Select(h => h.Unfolded()));
        }
    }

    [Fact]
    public void Message_ID_of_a_personalization_goes_before_the_requests_own_and_the_others_keep_it()
    {
        var mails = Composing.Mails(Reading.Read(Reading.Good(
            personalizations: """[{"to":[{"email":"a@b.example"}],"headers":{"Message-Id":"<own@demo.example>"}},{"to":[{"email":"c@b.example"}]}]""",
            more: "\"headers\":{\"Message-ID\":\"<all@demo.example>\"}")));
        Assert.Equal(["<own@demo.example>", "<all@demo.example>"], mails.Select(mail => mail.RawField("Message-ID")));
    }

    [Theory]
    [InlineData("Message-ID", "", "The Message-ID must be one identifier")]
    [InlineData("Message-ID", "order-1", "The Message-ID must be one identifier")]
    [InlineData("Message-ID", "<a@b> <c@d>", "The Message-ID must be one identifier")]
    [InlineData("Message-ID", "<ö@demo.example>", "The Message-ID must be one identifier")]
    [InlineData("Date", "2026-03-04T05:06:07Z", "The Date must be in the form of mail")]
    [InlineData("References", "<ö@demo.example>", "References is read by programs and must be ASCII: found U+00F6 at character 2.")]
    public void Value_that_cannot_go_out_is_refused(string name, string value, string message)
    {
        var error = Reading.OnlyError(Request(name, value));
        Assert.Equal("headers." + name, error.Field);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Token_longer_than_a_line_is_refused_with_its_length()
    {
        var error = Reading.OnlyError(Request("References", $"<{new string('a', 1000)}@demo.example>"));
        Assert.Equal("headers.References", error.Field);
        Assert.StartsWith("References has a token of 1015 octets", error.Message, StringComparison.Ordinal);
    }

    private static string Request(string name, string value) => Reading.Good(more: $"\"headers\":{{{JsonSerializer.Serialize(name)}:{JsonSerializer.Serialize(value)}}}");

    private static string Own(string name, string value) => Reading.Good(
        personalizations: $$"""[{"to":[{"email":"ana@shop.example"}],"headers":{{JsonSerializer.Serialize(new Dictionary<string, string> { [name] = value })}} }]""");
}
