using EmailService.Messages;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Messages;

public sealed class MessageCodecTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(10_000)]
    [InlineData(3_000_000)]
    public void Content_is_read_back_small_or_large(int length)
    {
        var content = Content(string.Concat(Enumerable.Repeat("Olá João! ", (length / 10) + 1)));

        var read = MessageCodec.DecodeContent(MessageCodec.Encode(content));

        Assert.Equal((content.From, content.Subject, content.Bodies[0]), (read.From, read.Subject, read.Bodies[0]));
        Assert.Equal(content.Attachments[0].Content, read.Attachments[0].Content);
        Assert.Equal(content.Headers, read.Headers);
    }

    [Fact]
    public void A_personalization_is_read_back()
    {
        var personalization = new Personalization
        {
            To = [new MailAddress("anna@shop.test", "Anna, \"A\"")],
            Bcc = [new MailAddress("bert@shop.test")],
            Substitutions = new Dictionary<string, string> { ["-name-"] = "Anna" },
        };

        var read = MessageCodec.DecodePersonalization(MessageCodec.Encode(personalization));

        Assert.Equal(personalization.Envelope(), read.Envelope());
        Assert.Equal("Anna", read.Substitutions["-name-"]);
        Assert.Empty(read.Cc);
    }

    [Fact]
    public void Large_content_is_compressed_and_small_is_not()
    {
        Assert.Equal(0, MessageCodec.Encode(new MessageContent { From = new MailAddress("a@b.test"), Bodies = [] })[0]);
        var html = MessageCodec.Encode(Content(new string('x', 100_000)));
        Assert.Equal(1, html[0]);
        Assert.True(html.Length < 5_000);
    }

    [Fact]
    public void Any_text_survives() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            // A lone surrogate is no text, and becomes U+FFFD.
            var proper = new string([.. text.Get.Where(c => !char.IsSurrogate(c))]);
            return MessageCodec.DecodeContent(MessageCodec.Encode(Content(proper))).Bodies[0].Value == proper;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 9, 1, 2 })]
    [InlineData(new byte[] { 1, 255, 255, 255 })]
    [InlineData(new byte[] { 0, (byte)'n', (byte)'u', (byte)'l', (byte)'l' })]
    public void What_cannot_be_read_is_refused_in_words(byte[] stored) =>
        Assert.Throws<InvalidDataException>(() => MessageCodec.DecodeContent(stored));

    private static MessageContent Content(string body) => new()
    {
        From = new MailAddress("shop@sender.test", "The Shop"),
        Subject = "Pedido nº 1234",
        Bodies = [new MessageBody("text/html", body)],
        Attachments = [new MessageAttachment("a.bin", "application/octet-stream", [0, 1, 255])],
        Headers = new Dictionary<string, string> { ["X-A"] = "b" },
    };
}
