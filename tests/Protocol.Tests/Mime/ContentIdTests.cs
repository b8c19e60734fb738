using EmailService.Mime;
using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Files that the HTML shows: any name that a program gives them holds, in the header and in the <c>cid:</c> URLs; what nothing
/// shows goes where it is listed.</summary>
public sealed class ContentIdTests
{
    private static readonly byte[] Png = [1, 2, 3];

    [Theory]
    [InlineData("Balance Sheet", "cid:Balance Sheet")]
    [InlineData("Balance Sheet", "cid:Balance%20Sheet")]
    [InlineData("größe.png", "cid:größe.png")]
    [InlineData("größe.png", "cid:gr%C3%B6%C3%9Fe.png")]
    [InlineData("größe.png", "cid:gr&ouml;&szlig;e.png")]
    [InlineData("a & ü", "cid:a &amp; ü")]
    [InlineData("<logo ü>", "CID:logo ü")]
    public void Name_that_no_header_can_hold_is_replaced_in_the_header_and_in_the_HTML(string id, string url)
    {
        foreach (var html in new[] { $"<img src=\"{url}\">", $"<img src='{url}' alt=x>", $"<p style=\"background:url({url.Replace(" ", "%20", StringComparison.Ordinal)})\">", $"<p style=\"background:url(&quot;{url}&quot;)\">", $"<img srcset=\"{url.Replace(" ", "%20", StringComparison.Ordinal)} 2x, x.png 3x\">" })
        {
            var parsed = Compose(html, Image(id));
            Assert.Equal("multipart/related", parsed.Type());
            var image = parsed.Children()[1];
            Assert.True(MimeHeader.IsValidContentId(image.ContentId));
            Assert.Equal(html.Replace(url, "cid:" + image.ContentId, StringComparison.Ordinal)
                .Replace(url.Replace(" ", "%20", StringComparison.Ordinal), "cid:" + image.ContentId, StringComparison.Ordinal)
                .Replace("CID:" + image.ContentId, "cid:" + image.ContentId, StringComparison.Ordinal),
                parsed.Children()[0].Text().Replace("CID:", "cid:", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("logo ü", "LOGO ü")]
    [InlineData("Größe 1", "grÖße 1")]
    [InlineData("logo ü", "Logo%20%C3%BC")]
    [InlineData("logo", "LOGO")]
    public void Name_in_other_case_is_the_same_file_whether_or_not_it_is_replaced(string id, string url)
    {
        var parsed = Compose($"<img src=\"cid:{url}\">", Image(id));

        Assert.Equal("multipart/related", parsed.Type());
        Assert.Equal($"<img src=\"cid:{parsed.Children()[1].ContentId}\">", parsed.Children()[0].Text(), ignoreCase: true);
    }

    [Fact]
    public void Names_that_differ_in_case_alone_stay_two()
    {
        var parsed = Compose("<img src=\"cid:a ü\"><img src=\"cid:A ü\">", Image("a ü"), Image("A ü"));
        var (first, second) = (parsed.Children()[1].ContentId, parsed.Children()[2].ContentId);

        Assert.NotEqual(first, second);
        Assert.Equal($"<img src=\"cid:{first}\"><img src=\"cid:{second}\">", parsed.Children()[0].Text());
    }

    [Fact]
    public void Two_names_that_differ_only_in_what_is_replaced_stay_two()
    {
        var parsed = Compose("<img src=\"cid:ä\"><img src=\"cid:ö\">", Image("ä"), Image("ö"));
        var (first, second) = (parsed.Children()[1].ContentId, parsed.Children()[2].ContentId);
        Assert.NotEqual(first, second);
        Assert.Equal($"<img src=\"cid:{first}\"><img src=\"cid:{second}\">", parsed.Children()[0].Text());
    }

    [Fact]
    public void Valid_name_stays_as_it_is_also_with_a_percent_sign()
    {
        var parsed = Compose("<img src=\"cid:my%20logo\"><img src=cid:x>", Image("my%20logo"), Image("x"));
        Assert.Equal(["my%20logo", "x"], parsed.Children().Skip(1).Select(part => part.ContentId));
        Assert.Equal("<img src=\"cid:my%20logo\"><img src=cid:x>", parsed.Children()[0].Text());
    }

    [Fact]
    public void Text_that_only_looks_like_the_name_is_left_alone()
    {
        const string Html = "<p>placid:my logo, cid:my logo two</p><img src=\"cid:my logo two\"><img src=\"cid:\">";
        var parsed = Compose(Html, Image("my logo"));
        Assert.Equal(Html, Assert.Single(parsed.Children(), part => part.Type() == "text/html").Text());
    }

    [Theory]
    [InlineData("<p>See the attached invoice.</p>")]
    [InlineData("<img src=\"cid:other\">")]
    [InlineData("<p>acid:invoice</p>")]
    public void Inline_file_that_no_URL_names_goes_into_multipart_mixed(string html)
    {
        var parsed = Compose(html, Image("invoice"));
        Assert.Equal("multipart/mixed", parsed.Type());
        Assert.Equal("text/html", parsed.Children()[0].Type());
        Assert.Equal(("inline", "invoice"), (parsed.Children()[1].Disposition(), parsed.Children()[1].ContentId));
    }

    [Theory]
    [InlineData("<img src=\"cid:Invoice\">")]
    [InlineData("<img src='CID:invoice'>")]
    [InlineData("<table background=cid:invoice>")]
    [InlineData("<style>p { background: url('cid:invoice') }</style>")]
    public void Inline_file_that_a_URL_names_goes_into_multipart_related(string html) =>
        Assert.Equal("multipart/related", Compose(html, Image("invoice")).Type());

    [Fact]
    public void Megabytes_of_beginnings_are_looked_through_once()
    {
        foreach (var piece in new[] { "\"cid:", "cid:", "(cid: ", "\"cid:x, ", "'cid:&quot" })
        {
            var html = string.Concat(Enumerable.Repeat(piece, 200_000));
            Assert.Equal(html, MailReading.Read(MimeComposer.Compose(MimeData.Message() with { Parts = [new("text/html", html)], Attachments = [Image("größe x")] })).Children()[0].Text());
        }
    }

    private static MimeEntity Compose(string html, params Attachment[] files) => MailReading.Read(MimeComposer.Compose(
        MimeData.Message() with { Parts = [new MessagePart("text/html", html)], Attachments = files }));

    private static Attachment Image(string id) => new("logo.png", "image/png", Png, true, id);
}
