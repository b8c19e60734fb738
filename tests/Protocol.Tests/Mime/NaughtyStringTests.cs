using System.Text;
using EmailService.Mime;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Mime;

public sealed class NaughtyStringTests
{
    [Fact]
    public void Every_field_gives_back_what_it_was_given_or_refuses_it()
    {
        foreach (var value in MimeData.NaughtyStrings())
        {
            var message = Naughty(value);
            if (!MimeHeader.IsValidValue(value))
            {
                Assert.Throws<MimeFieldException>(() => MimeComposer.Compose(message));
                continue;
            }

            var bytes = MimeComposer.Compose(message);
            var parsed = MailReading.Read(bytes);
            Assert.Equal(value, parsed.Field("Subject"));
            Assert.Equal(value, parsed.Field("X-Custom"));
            Assert.Equal(value, parsed.Children()[0].Text());
            Assert.Equal(value.Length == 0 ? null : value, parsed.Children()[1].FileName());
            Assert.Equal(string.IsNullOrWhiteSpace(value) ? null : value, parsed.Mailboxes("To").Single().Name);
            Assert.All(Encoding.ASCII.GetString(bytes).Split("\r\n"), line => Assert.True(line.Length <= 998));
            Assert.True(Ascii.IsValid(bytes));
        }
    }

    internal static OutgoingMessage Naughty(string value) => MimeData.Message() with
    {
        To = [MimeData.Box("a@example.net", value)],
        Subject = value,
        Headers = [new("X-Custom", value)],
        Parts = [new MessagePart("text/plain", value)],
        Attachments = [new Attachment(value, "application/octet-stream", new byte[] { 7 }, false, null)],
    };
}
