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
    public void Large_content_of_any_length_and_script_survives_however_it_is_cut_into_pieces() =>
        Prop.ForAll(
            Gen.Choose(0, 200_000).Three().ToArbitrary(),
            lengths =>
            {
                // Characters of one to four octets, some written as escapes, at every distance from where a piece ends.
                var text = string.Concat(Enumerable.Repeat("aé€😀\u007F\"\\\n", (lengths.Item1 / 8) + 1))[(lengths.Item2 % 2)..];
                text = text.EnumerateRunes().Aggregate(new System.Text.StringBuilder(), (all, rune) => all.Append(rune)).ToString();
                var file = new byte[lengths.Item2 + 1];
                new Random(lengths.Item3).NextBytes(file);
                var content = Content(text) with { Attachments = [new MessageAttachment("f", "a/b", file), new MessageAttachment("g", "a/b", new byte[lengths.Item3 + 1])] };

                var read = MessageCodec.DecodeContent(MessageCodec.Encode(content));

                return read.Bodies[0].Value == text && read.Attachments[0].Content.AsSpan().SequenceEqual(file) && read.Attachments[1].Content.Length == lengths.Item3 + 1;
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    [Theory]
    [InlineData('\u007F')]
    [InlineData('\u2028')]
    [InlineData('a')]
    public void The_largest_body_is_read_back_also_when_each_octet_is_written_as_an_escape(char letter)
    {
        // An octet of a body becomes six of JSON at worst: all that was accepted must be read again.
        var octets = System.Text.Encoding.UTF8.GetByteCount([letter]);
        var content = Content(new string(letter, 30 * 1024 * 1024 / octets));

        Assert.Equal(content.Bodies[0].Value, MessageCodec.DecodeContent(MessageCodec.Encode(content)).Bodies[0].Value);
    }

    [Fact]
    public void The_largest_body_of_emoji_is_read_back()
    {
        var content = Content(string.Concat(Enumerable.Repeat("😀", 30 * 1024 * 1024 / 4)));

        Assert.Equal(content.Bodies[0].Value, MessageCodec.DecodeContent(MessageCodec.Encode(content)).Bodies[0].Value);
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

    /// <summary>Octet for octet what a version wrote that knew neither a Message-ID nor a Date of the sender's; mail may wait for three days.</summary>
    [Fact]
    public void What_an_earlier_version_stored_is_read()
    {
        byte[] content = [0, .. """
            {"From":{"Email":"shop@sender.test","Name":"The Shop","Domain":"sender.test"},"ReplyTo":[],"Subject":"Pedido nº 1234",
            "Bodies":[{"Type":"text/html","Value":"<p>1</p>"}],"Attachments":[{"FileName":"a.bin","Type":"application/octet-stream","Content":"AAH/","Inline":false}],
            "Headers":{"X-A":"b"},"RequireTls":false}
            """u8];
        byte[] own = [0, .. """{"To":[{"Email":"a@b.test","Domain":"b.test"}],"Cc":[],"Bcc":[],"Headers":{},"Substitutions":{"-n-":"x"},"RecipientCount":1}"""u8];

        var read = MessageCodec.DecodeContent(content);

        Assert.Equal(MessageCodec.Encode(Content("<p>1</p>")), MessageCodec.Encode(read));
        Assert.Equal((null, null), (read.MessageIdHeader, read.DateHeader));
        Assert.Equal("a@b.test", MessageCodec.DecodePersonalization(own).To.Single().Email);
    }

    private static MessageContent Content(string body) => new()
    {
        From = new MailAddress("shop@sender.test", "The Shop"),
        Subject = "Pedido nº 1234",
        Bodies = [new MessageBody("text/html", body)],
        Attachments = [new MessageAttachment("a.bin", "application/octet-stream", [0, 1, 255])],
        Headers = new Dictionary<string, string> { ["X-A"] = "b" },
    };
}
