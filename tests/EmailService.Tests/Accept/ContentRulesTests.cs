using System.Text.Json;
using EmailService.Mime;
using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.Tests.Accept;

/// <summary>Bodies and files as SendGrid's clients write them: taken, and made valid where they are not.</summary>
public sealed class ContentRulesTests
{
    private static readonly byte[] Hello = "hello"u8.ToArray();

    [Theory]
    [InlineData("aGVs\\r\\nbG8=")]
    [InlineData("aGVs\\nbG8=\\n")]
    [InlineData(" a G\\tVsbG8= ")]
    [InlineData("aGVs\\u000AbG8\\u003d")]
    public void Base64_in_lines_is_taken(string content) =>
        Assert.Equal(Hello, Attached($"\"content\":\"{content}\",\"filename\":\"x\"").Octets());

    [Theory]
    [InlineData("aGVsbG8=aGVsbG8=", "padding in the middle")]
    [InlineData("aGVsbG9=", "padding in the middle")]
    [InlineData("aGVsbG8", "whole group of four")]
    [InlineData("aGVs\\nbG8", "whole group of four")]
    [InlineData("====", "padding in the middle")]
    public void Base64_with_a_wrong_end_is_refused_with_what_is_wrong(string content, string help) =>
        Assert.Contains(help, Reading.OnlyError(WithFile($"\"content\":\"{content}\",\"filename\":\"x\"")).Help, StringComparison.Ordinal);

    [Fact]
    public void Empty_file_name_is_a_file_without_a_name()
    {
        var file = Attached("\"content\":\"aGVsbG8=\",\"filename\":\"\",\"type\":\"image/png\"");
        Assert.Null(file.FileName());
        Assert.Equal(("attachment", "image/png"), (file.Disposition(), file.Type()));
    }

    [Theory]
    [InlineData("text/csv; charset=utf-8", "text/csv", "charset", "utf-8")]
    [InlineData("text/csv;charset=\\\"iso-8859-1\\\"", "text/csv", "charset", "iso-8859-1")]
    [InlineData("text/calendar; method=REQUEST", "text/calendar", "method", "REQUEST")]
    [InlineData("TEXT/Calendar; charset=utf-8; Method=CANCEL;", "text/calendar", "method", "CANCEL")]
    [InlineData("application/x; boundary=a; n=1", "application/x", "n", "1")]
    public void Type_of_a_file_keeps_its_parameters(string type, string mediaType, string parameter, string value)
    {
        var file = Attached($"\"content\":\"aGVsbG8=\",\"filename\":\"invite.ics\",\"type\":\"{type}\"");
        Assert.Equal((mediaType, value), (file.Type(), file.ContentType.Parameters[parameter]));
        Assert.Equal("invite.ics", file.FileName());
        Assert.False(file.ContentType.Parameters.Contains("boundary"));
    }

    [Theory]
    [InlineData("pdf")]
    [InlineData("a/b; c")]
    [InlineData("a/b\\r\\nX: y")]
    [InlineData("a/b; c=\\\"d")]
    [InlineData("a/b; nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn=1")]
    public void Type_that_is_none_is_refused(string type) => Assert.Equal(
        "attachments.0.type", Reading.OnlyError(WithFile($"\"content\":\"aGVsbG8=\",\"filename\":\"x\",\"type\":\"{type}\"")).Field);

    [Theory]
    [InlineData("Balance Sheet")]
    [InlineData("größe.png")]
    [InlineData("<漢字>")]
    public void Content_id_that_no_header_can_hold_is_made_one_and_the_HTML_with_it(string id)
    {
        var bare = id.Trim('<', '>');
        var mail = Composing.Mail(Reading.Good(
            content: $$"""[{"type":"text/html","value":"<img src='cid:{{bare}}'><img src='cid:{{Uri.EscapeDataString(bare)}}'>"}]""",
            more: $$"""  "attachments":[{"content":"aGVsbG8=","filename":"x.png","type":"image/png","disposition":"inline","content_id":{{JsonSerializer.Serialize(id)}}}]"""));
        var made = mail.Children()[1].ContentId;
        Assert.True(MimeHeader.IsValidContentId(made));
        Assert.Equal($"<img src='cid:{made}'><img src='cid:{made}'>", mail.Children()[0].Text());
    }

    [Fact]
    public void Content_id_that_a_substitution_brings_into_the_HTML_is_found_too()
    {
        var mail = Composing.Mail(Reading.Good(
            personalizations: """[{"to":[{"email":"ana@shop.example"}],"substitutions":{"-logo-":"<img src=\"cid:my logo\">"}}]""",
            content: """[{"type":"text/html","value":"<p>-logo-</p>"}]""",
            more: """  "attachments":[{"content":"aGVsbG8=","filename":"x.png","type":"image/png","disposition":"inline","content_id":"my logo"}]"""));
        Assert.Equal("multipart/related", mail.Type());
        Assert.Equal($"<p><img src=\"cid:{mail.Children()[1].ContentId}\"></p>", mail.Children()[0].Text());
    }

    [Theory]
    [InlineData("text/plain,text/x-amp-html,text/html")]
    [InlineData("text/plain,text/html,text/x-amp-html")]
    [InlineData("text/x-amp-html,text/plain,text/html")]
    [InlineData("text/plain; charset=utf-8,TEXT/HTML,Text/X-Amp-Html;charset=utf-8")]
    public void AMP_comes_before_HTML_wherever_it_is_given(string types) => Assert.Equal(
        ["multipart/alternative", "text/plain", "text/x-amp-html", "text/html"], Composing.Types(Composing.Mail(WithBodies(types))));

    [Theory]
    [InlineData("text/x-amp-html,text/html", "multipart/alternative,text/x-amp-html,text/html")]
    [InlineData("text/html,text/x-amp-html,text/calendar; method=REQUEST", "multipart/alternative,text/x-amp-html,text/html,text/calendar")]
    [InlineData("text/x-amp-html", "text/x-amp-html")]
    [InlineData("text/html; charset=iso-8859-1", "text/html")]
    public void Bodies_stand_in_the_order_of_what_programs_show(string types, string expected)
    {
        var mail = Composing.Mail(WithBodies(types));
        Assert.Equal(expected.Split(','), Composing.Types(mail));
        Assert.All(mail.Walk().Where(part => part.ContentType.MediaType == "text"), part => Assert.Equal("utf-8", part.ContentType.Charset));
    }

    [Theory]
    [InlineData("text/html,text/plain", "content", "Following RFC 1341")]
    [InlineData("text/html,text/html;charset=utf-8", "content", "If present, text/plain and text/html may only be provided once.")]
    [InlineData("text/x-amp-html,text/x-amp-html", "content", "text/x-amp-html may only be provided once.")]
    [InlineData("text/html; level=1", "content.0.type", "text/html takes no parameter other than charset.")]
    [InlineData("image/png", "content.0.type", "The content type must be a text media type")]
    [InlineData("text/calendar; method", "content.0.type", "The content type must be a text media type")]
    [InlineData("html", "content.0.type", "The content type must be a text media type")]
    public void Bodies_that_cannot_stand_so_are_refused(string types, string field, string message)
    {
        var error = Reading.OnlyError(WithBodies(types));
        Assert.Equal(field, error.Field);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Hello -n-", "", true)]
    [InlineData("-n-", " ", true)]
    [InlineData("-n--n-", "", false)]
    [InlineData("-n-", "", false)]
    public void Subject_may_not_be_emptied_by_substitutions(string subject, string value, bool good)
    {
        var json = Reading.Good(
            personalizations: $$"""[{"to":[{"email":"ana@shop.example"}],"substitutions":{"-n-":"{{value}}"} }]""", subject: JsonSerializer.Serialize(subject));
        Assert.Equal(good ? [] : ["personalizations.0.substitutions"], good ? [] : Reading.Errors(json).Select(e => e.Field));
        if (good)
        {
            Reading.Read(json);
        }
    }

    private static string WithFile(string file) => Reading.Good(more: $"\"attachments\":[{{{file}}}]");

    private static MimeEntity Attached(string file) => Composing.Mail(WithFile(file)).Children()[1];

    private static string WithBodies(string types) => Reading.Good(
        content: $"[{string.Join(',', types.Split(',').Select(type => $$"""{"type":{{JsonSerializer.Serialize(type)}},"value":"v"}"""))}]");
}
