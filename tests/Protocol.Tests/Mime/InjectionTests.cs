using EmailService.Mime;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Mime;

public sealed class InjectionTests
{
    private static readonly Dictionary<string, Func<OutgoingMessage, string, OutgoingMessage>> Fields = new()
    {
        ["from.name"] = (m, v) => m with { From = m.From with { DisplayName = v } },
        ["replyTo[0].name"] = (m, v) => m with { ReplyTo = [MimeData.Box("a@example.com", v)] },
        ["to[1].name"] = (m, v) => m with { To = [MimeData.Box("a@example.com"), MimeData.Box("a@example.com", v)] },
        ["cc[0].name"] = (m, v) => m with { Cc = [MimeData.Box("a@example.com", v)] },
        ["subject"] = (m, v) => m with { Subject = v },
        ["messageId"] = (m, v) => m with { MessageId = v + "@example.com" },
        ["headers[0].name"] = (m, v) => m with { Headers = [new("X-A" + v, "b")] },
        ["headers[0].value"] = (m, v) => m with { Headers = [new("X-A", v)] },
        ["parts[0].contentType"] = (m, v) => m with { Parts = [new MessagePart("text/html; a=\"" + v + "\"", "x")] },
        ["attachments[0].fileName"] = (m, v) => m with { Attachments = [new Attachment(v, "a/b", default, false, null)] },
        ["attachments[0].contentType"] = (m, v) => m with { Attachments = [new Attachment("f", "a/b; c=\"" + v + "\"", default, false, null)] },
        ["attachments[0].contentId"] = (m, v) => m with { Attachments = [new Attachment("f", "a/b", default, true, v)] },
    };

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var field in Fields.Keys)
        {
            foreach (var evil in new[] { "x\r\nBcc: evil@example.com", "x\nBcc: evil@example.com", "x\rBcc: evil@example.com", "x\0y", "x\uD800y" })
            {
                cases.Add(field, evil);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void No_value_can_begin_a_line_of_its_own(string field, string evil)
    {
        var error = Assert.Throws<MimeFieldException>(() => MimeComposer.Compose(Fields[field](MimeData.Message(), evil)));
        Assert.Equal(field, error.Field);
    }

    [Theory]
    [InlineData("application/pdf; x*=utf-8''a%0D%0ABcc:%20evil%40example.com", "a\r\nBcc: evil@example.com")]
    [InlineData("application/pdf; x=\"=?utf-8?Q?a=0D=0ABcc:_evil=40example.com?=\"", "=?utf-8?Q?a=0D=0ABcc:_evil=40example.com?=")]
    public void A_line_break_in_disguise_stays_in_disguise(string contentType, string expected)
    {
        var bytes = MimeComposer.Compose(MimeData.Message() with { Attachments = [new Attachment("f", contentType, default, false, null)] });
        var file = MailReading.Read(bytes).Children()[1];
        Assert.Null(file.Field("Bcc"));
        Assert.Equal(expected, file.ContentType.Parameters["x"]);
    }

    [Theory]
    [InlineData("bcc")]
    [InlineData("FROM")]
    [InlineData("Content-Type")]
    [InlineData("DKIM-Signature")]
    public void A_field_that_is_ours_cannot_be_given(string name) =>
        Assert.Throws<MimeFieldException>(() => MimeComposer.Compose(MimeData.Message() with { Headers = [new(name, "x")] }));

    [Fact]
    public void A_header_in_the_text_stays_in_the_text()
    {
        var bytes = MimeComposer.Compose(MimeData.Message() with { Parts = [new MessagePart("text/plain", "\r\n\r\nBcc: a@example.com\r\n.\r\n")] });
        Assert.Null(MailReading.Read(bytes).Field("Bcc"));
    }
}
