using System.Text;
using EmailService.Mime;
using EmailService.TestKit;
using MimeKit.Utils;

namespace EmailService.Protocol.Tests.Mime;

public sealed class HeaderTests
{
    [Fact]
    public void A_subject_is_encoded_only_where_it_must_be()
    {
        Assert.Equal(
            " Pedido =?utf-8?Q?n=C2=BA_1234_confirmado_=E2=80=93_obrigado=2C_Jo=C3=A3o!?=",
            MimeHeader.Encode("Subject", "Pedido nº 1234 confirmado – obrigado, João!").Replace("\r\n", "", StringComparison.Ordinal)
                .Replace("?= =?utf-8?Q?", "", StringComparison.Ordinal));
        Assert.Equal(" Your order", MimeHeader.Encode("Subject", "Your order"));
        Assert.Equal("", MimeHeader.Encode("Subject", ""));
    }

    [Fact]
    public void No_encoded_word_is_too_long_or_ends_inside_a_character()
    {
        var text = string.Concat(Enumerable.Repeat("漢字😀é ab", 40));
        foreach (var name in new[] { "Subject", "X", new string('N', 70) })
        {
            var lines = (name + ":" + MimeHeader.Encode(name, text)).Split("\r\n");
            Assert.All(lines, line => Assert.True(line.Length <= 78));
            foreach (var word in lines.Skip(1).SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            {
                Assert.True(word.Length <= 75);
                Assert.DoesNotContain('\uFFFD', Decode(word));
            }

            Assert.Equal(text, Decode(string.Concat(lines)[(name.Length + 1)..].TrimStart(' ')));
        }
    }

    [Fact]
    public void Long_values_fold_and_never_pass_998_octets()
    {
        var words = string.Join(' ', Enumerable.Repeat("word", 300)) + " " + new string('w', 3000);
        var lines = MimeData.Compose(MimeData.Message() with { Subject = words }).Split("\r\n");
        Assert.All(lines, line => Assert.True(line.Length <= 998));
        Assert.Equal(words, MailReading.Read(MimeComposer.Compose(MimeData.Message() with { Subject = words })).Field("Subject"));
        Assert.DoesNotContain(lines.TakeWhile(line => line.Length > 0), string.IsNullOrWhiteSpace);
    }

    [Fact]
    public void Many_recipients_fold_one_by_one()
    {
        var to = Enumerable.Range(0, 100).Select(i => MimeData.Box($"someone{i}@example.net", i % 2 == 0 ? $"Doe, Jane {i}" : null)).ToList();
        var text = MimeData.Compose(MimeData.Message() with { To = to });
        Assert.All(text.Split("\r\n"), line => Assert.True(line.Length <= 78, line));
        Assert.Contains("\"Doe, Jane 2\" <someone2@example.net>,", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_mixed_name_keeps_to_76_columns()
    {
        var name = string.Join(' ', Enumerable.Range(0, 12).Select(i => i % 2 == 0 ? "Conceição" : "Plain" + new string('n', i)));
        var bytes = MimeComposer.Compose(MimeData.Message() with { To = [MimeData.Box("a@example.net"), MimeData.Box("b@example.net", name)] });
        Assert.All(Encoding.ASCII.GetString(bytes).Split("\r\n"), line => Assert.True(line.Length <= 76, line));
        Assert.Equal(name, MailReading.Read(bytes).Mailboxes("To")[1].Name);
    }

    [Fact]
    public void The_date_and_the_fixed_fields_are_as_RFC_5322_asks()
    {
        var text = MimeData.Compose(MimeData.Message());
        Assert.StartsWith(
            "Date: Wed, 4 Mar 2026 05:06:07 -0300\r\nFrom: Shop <shop@example.com>\r\nTo: joao@example.net\r\nSubject: Order\r\n"
            + "Message-ID: <018f.7c@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\n",
            text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Without_visible_recipients_the_field_says_so()
    {
        var text = MimeData.Compose(MimeData.Message() with { To = [] });
        Assert.Contains("\r\nTo: undisclosed-recipients:;\r\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_international_local_part_is_the_only_thing_written_in_UTF8()
    {
        var message = MimeData.Message() with { To = [MimeData.Box("用户@例え.テスト", "Jörg")] };
        Assert.True(MimeComposer.NeedsSmtpUtf8(message));
        Assert.False(MimeComposer.NeedsSmtpUtf8(MimeData.Message()));
        Assert.Contains("To: =?utf-8?B?SsO2cmc=?= <用户@xn--r8jz45g.xn--zckzah>\r\n", MimeData.Compose(message), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Good", true)]
    [InlineData("", false)]
    [InlineData("X Bad", false)]
    [InlineData("X:Bad", false)]
    [InlineData("X-Bäd", false)]
    [InlineData("X\r\nBcc", false)]
    public void A_field_name_is_printable_ASCII_without_colon(string name, bool valid) => Assert.Equal(valid, MimeHeader.IsValidName(name));

    [Theory]
    [InlineData("relatório.pdf", "relat_rio.pdf")]
    [InlineData("плен.docx", "____.docx")]
    [InlineData("=?utf-8?Q?a?=.pdf", "=_utf-8_Q_a_=.pdf")]
    [InlineData("what=?.pdf", "what=_.pdf")]
    public void A_file_name_comes_exactly_and_once_more_in_ASCII(string name, string fallback)
    {
        var file = new Attachment(name, "application/pdf", new byte[] { 1 }, false, null);
        var text = MimeData.Compose(MimeData.Message() with { Attachments = [file] });
        Assert.Contains($"filename*=utf-8''{Uri.EscapeDataString(name)};", text, StringComparison.Ordinal);
        Assert.Contains($"filename=\"{fallback}\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_file_name_goes_in_sections()
    {
        var name = string.Concat(Enumerable.Repeat("Übergrößenträger ", 12)).Trim() + ".pdf";
        var file = new Attachment(name, "application/pdf", new byte[] { 1 }, false, null);
        var bytes = MimeComposer.Compose(MimeData.Message() with { Attachments = [file] });
        var text = Encoding.ASCII.GetString(bytes);
        Assert.Contains("filename*1*=", text, StringComparison.Ordinal);
        Assert.All(text.Split("\r\n"), line => Assert.True(line.Length <= 78, line));
        Assert.Equal(name, MailReading.Read(bytes).Children()[1].FileName());
    }

    private static string Decode(string value) => Rfc2047.DecodeText(Encoding.ASCII.GetBytes(value));
}
