using System.Buffers;
using System.Text;
using EmailService.Mime;
using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.Protocol.Tests.Mime;

public sealed class StructureTests
{
    private static readonly MessagePart Plain = new("text/plain", "Olá\n");
    private static readonly MessagePart Html = new("text/html", "<p>Olá <img src=\"cid:logo\"></p>");
    private static readonly Attachment Logo = new("logo.png", "image/png", new byte[] { 1, 2, 3 }, true, "logo");
    private static readonly Attachment Pdf = new("invoice.pdf", "application/pdf", new byte[200], false, null);

    [Fact]
    public void Alternatives_lie_in_related_in_mixed()
    {
        var mixed = Parse(MimeData.Message() with { Parts = [Plain, Html], Attachments = [Logo, Pdf] });
        Assert.Equal("multipart/mixed", mixed.Type());
        var related = mixed.Children()[0];
        Assert.Equal("multipart/related", related.Type());
        Assert.Equal("multipart/alternative", related.ContentType.Parameters["type"]);
        Assert.Equal(["text/plain", "text/html"], related.Children()[0].Children().Select(part => part.Type()));
        Assert.Equal(("image/png", "logo", "inline", "logo.png"),
            (related.Children()[1].Type(), related.Children()[1].ContentId, related.Children()[1].Disposition(), related.Children()[1].FileName()));
        Assert.Equal(("application/pdf", "attachment", "invoice.pdf"),
            (mixed.Children()[1].Type(), mixed.Children()[1].Disposition(), mixed.Children()[1].FileName()));
        Assert.Equal(Pdf.Content.ToArray(), mixed.Children()[1].Octets());
        Assert.Equal("Olá\r\n", related.Children()[0].Children()[0].Text());
    }

    [Fact]
    public void Layers_that_are_not_needed_are_not_there()
    {
        Assert.Equal("text/html", Shape(MimeData.Message() with { Parts = [Html] }));
        Assert.Equal("multipart/alternative(text/plain,text/html)", Shape(MimeData.Message() with { Parts = [Plain, Html] }));
        Assert.Equal("multipart/related(text/html,image/png)", Shape(MimeData.Message() with { Parts = [Html], Attachments = [Logo] }));
        Assert.Equal("multipart/mixed(text/plain,image/png)", Shape(MimeData.Message() with { Parts = [Plain], Attachments = [Logo] }));
        Assert.Equal("multipart/mixed(text/plain,application/pdf)", Shape(MimeData.Message() with { Parts = [Plain], Attachments = [Pdf] }));
        Assert.Equal("multipart/mixed(application/pdf)", Shape(MimeData.Message() with { Parts = [], Attachments = [Pdf] }));
        Assert.Equal("text/plain", Shape(MimeData.Message() with { Parts = [] }));
    }

    // RFC 6522 §3.
    [Fact]
    public void Report_for_machines_is_a_text_and_files_and_says_what_report_it_is()
    {
        var report = Parse(MimeData.Message() with { Parts = [Plain], Attachments = [Pdf], ReportType = "tlsrpt" });

        Assert.Equal("multipart/report", report.Type());
        Assert.Equal("tlsrpt", report.ContentType.Parameters["report-type"]);
        Assert.Equal(["text/plain", "application/pdf"], report.Children().Select(part => part.Type()));
        Assert.Throws<MimeFieldException>(() => Parse(MimeData.Message() with { Parts = [Plain], ReportType = "tlsrpt" }));
        Assert.Throws<MimeFieldException>(() => Parse(MimeData.Message() with { Parts = [Plain], Attachments = [Pdf], ReportType = "x\"; y" }));
    }

    [Theory]
    [InlineData("plain ASCII\r\nin lines", "7bit")]
    [InlineData("uma só página de texto em português", "quoted-printable")]
    [InlineData("一二三四五六七八九十", "base64")]
    [InlineData("first\nFrom here on", "quoted-printable")]
    [InlineData("bell \a", "quoted-printable")]
    public void Each_part_gets_the_encoding_that_suits_it(string text, string encoding)
    {
        var part = Parse(MimeData.Message() with { Parts = [new MessagePart("text/plain", text), Html] }).Children()[0];
        Assert.Equal(encoding, part.TransferEncoding());
        Assert.Equal(text.ReplaceLineEndings("\r\n"), part.Text());
    }

    [Theory]
    [InlineData(998, "7bit")]
    [InlineData(999, "quoted-printable")]
    public void A_line_above_998_is_never_sent_as_it_is(int length, string encoding)
    {
        var text = "short\r\n" + new string('x', length) + "\r\nshort";
        var bytes = MimeComposer.Compose(MimeData.Message() with { Parts = [new MessagePart("text/plain", text)] });
        Assert.Equal(encoding, MailReading.Read(bytes).TransferEncoding());
        Assert.Equal(text + "\r\n", MailReading.Read(bytes).Text());
        Assert.All(Encoding.ASCII.GetString(bytes).Split("\r\n"), line => Assert.True(line.Length <= 998));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no end")]
    [InlineData("end\n")]
    [InlineData("末\n")]
    [InlineData("末")]
    public void Every_message_ends_with_a_line_end(string text) =>
        Assert.EndsWith("\r\n", MimeData.Compose(MimeData.Message() with { Parts = [new MessagePart("text/plain", text)] }), StringComparison.Ordinal);

    [Fact]
    public void No_line_begins_with_From_and_a_space()
    {
        var text = "From me\n" + new string('x', 75) + "From you\nand From her\nFrom him é";
        var message = MimeData.Compose(MimeData.Message() with { Parts = [new MessagePart("text/plain", text)] });
        Assert.DoesNotContain("\nFrom ", message, StringComparison.Ordinal);
        Assert.Equal(text.ReplaceLineEndings("\r\n") + "\r\n", MailReading.Read(Encoding.ASCII.GetBytes(message)).Text());
    }

    [Fact]
    public void Quoted_printable_keeps_to_76_and_saves_space_at_line_ends()
    {
        var text = string.Join("\n", Enumerable.Range(60, 40).Select(i => new string('a', i) + "é \n" + new string('b', i) + "\t\n" + "=="));
        var bytes = MimeComposer.Compose(MimeData.Message() with { Parts = [new MessagePart("text/plain", text + "éééé " )] });
        Assert.All(Encoding.ASCII.GetString(bytes).Split("\r\n"), line =>
        {
            Assert.True(line.Length <= 76, line);
            Assert.False(line.EndsWith(' ') || line.EndsWith('\t'), line);
        });
        Assert.Equal((text + "éééé ").ReplaceLineEndings("\r\n") + "\r\n", MailReading.Read(bytes).Text());
    }

    [Fact]
    public void The_same_message_gives_the_same_bytes_and_another_id_other_boundaries()
    {
        var message = MimeData.Message() with { Parts = [Plain, Html], Attachments = [Logo, Pdf] };
        Assert.Equal(MimeComposer.Compose(message), MimeComposer.Compose(message));
        Assert.NotEqual(
            MailReading.Read(MimeComposer.Compose(message)).ContentType.Parameters["boundary"],
            Parse(message with { MessageId = "other@example.com" }).ContentType.Parameters["boundary"]);
    }

    [Fact]
    public void A_text_that_holds_the_boundary_gets_another()
    {
        var message = MimeData.Message() with { Parts = [new MessagePart("text/plain", "x"), Html] };
        var boundary = Parse(message).ContentType.Parameters["boundary"];
        var text = $"hello\r\n--{boundary}--\r\nthere";
        var again = Parse(message with { Parts = [new MessagePart("text/plain", text), Html] });
        Assert.NotEqual(boundary, again.ContentType.Parameters["boundary"]);
        Assert.Equal(text, again.Children()[0].Text());
    }

    [Fact]
    public void An_attached_message_is_never_in_base64_under_its_own_type()
    {
        var clean = new Attachment("a.eml", "message/rfc822", "Subject: a\r\n\r\nb\r\n"u8.ToArray(), false, null);
        var dirty = clean with { Content = Encoding.UTF8.GetBytes("Subject: a\r\n\r\né\r\n") };
        var mail = Parse(MimeData.Message() with { Attachments = [clean, dirty] });
        Assert.Equal(("message/rfc822", "7bit", "a"), (mail.Children()[1].Type(), mail.Children()[1].TransferEncoding(), mail.Children()[1].Children()[0].Field("Subject")));
        Assert.Equal(("application/octet-stream", "base64"), (mail.Children()[2].Type(), mail.Children()[2].TransferEncoding()));
        Assert.Equal(dirty.Content.ToArray(), mail.Children()[2].Octets());
    }

    [Fact]
    public void Parameters_of_a_part_are_kept_and_its_charset_is_ours()
    {
        var part = Parse(MimeData.Message() with { Parts = [new MessagePart("text/calendar; method=REQUEST; charset=iso-8859-1", "é")] });
        Assert.Equal(("REQUEST", "utf-8", "é\r\n"), (part.ContentType.Parameters["method"], part.ContentType.Charset, part.Text()));
    }

    [Fact]
    public void A_buffer_that_gives_small_pieces_gets_the_same_bytes()
    {
        var message = MimeData.Message() with { Parts = [Plain, Html], Attachments = [Logo, Pdf with { Content = new byte[100_000] }] };
        var output = new ArrayBufferWriter<byte>();
        MimeComposer.Compose(message, output);
        Assert.Equal(MimeComposer.Compose(message), output.WrittenSpan.ToArray());
    }

    private static MimeEntity Parse(OutgoingMessage message) => MailReading.Read(MimeComposer.Compose(message));

    private static string Shape(OutgoingMessage message) => Shape(Parse(message));

    private static string Shape(MimeEntity entity) => entity.Children().Count == 0
        ? entity.Type()
        : $"{entity.Type()}({string.Join(',', entity.Children().Select(Shape))})";
}
