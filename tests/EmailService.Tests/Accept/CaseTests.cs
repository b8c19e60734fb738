using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.Tests.Accept;

/// <summary>Requests on which the service once failed, one for each kind of fault, and what they should become.</summary>
public sealed class CaseTests
{
    [Fact]
    public void All_ASCII_body_of_which_999_octets_remain_is_composed() =>
        Assert.Equal(999, Mail("body-999-octets").Text().TrimEnd().Length);

    [Theory]
    [InlineData("references-long-token", "References")]
    [InlineData("list-unsubscribe-equals-question-mark", "List-Unsubscribe")]
    [InlineData("list-unsubscribe-equals-question-mark", "List-Unsubscribe-Post")]
    public void Structured_field_goes_out_as_it_is_given(string name, string field)
    {
        var given = System.Text.Json.JsonDocument.Parse(Read(name)).RootElement.GetProperty("headers").GetProperty(field).GetString();
        Assert.Equal(given, Mail(name).RawField(field));
    }

    [Fact]
    public void Given_Message_ID_goes_on_the_wire() =>
        Assert.Equal("<order-1@demo.example>", Mail("sendgrid-message-id-header").RawField("Message-ID"));

    [Fact]
    public void Calendar_is_written_with_its_method()
    {
        var calendar = Mail("calendar-method-request").Children()[2];
        Assert.Equal("text/calendar", calendar.Type());
        Assert.Equal(("REQUEST", "utf-8"), (calendar.ContentType.Parameters["method"], calendar.ContentType.Charset));
    }

    [Fact]
    public void AMP_is_written_before_HTML() => Assert.Equal(
        ["multipart/alternative", "text/plain", "text/x-amp-html", "text/html"], Composing.Types(Mail("amp-before-html")));

    [Fact]
    public void Inline_file_that_no_URL_names_is_in_multipart_mixed() => Assert.Equal(
        ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"], Composing.Types(Mail("inline-pdf-without-cid")));

    [Fact]
    public void Subject_that_its_substitutions_empty_is_refused()
    {
        var error = Reading.OnlyError(Read("substituted-subject-empty"));
        Assert.Equal("personalizations.0.substitutions", error.Field);
        Assert.StartsWith("With these values in the subject: The subject must be a string at least one character", error.Message, StringComparison.Ordinal);
    }

    private static MimeEntity Mail(string name) => Composing.Mail(Read(name));

    private static string Read(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Data", "cases", name + ".json"));
}
