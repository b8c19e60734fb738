using System.Text;
using EmailService.Compose;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Tests.Compose;

public sealed class MessageComposerTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_same_message_gives_the_same_bytes()
    {
        var message = Make();

        Assert.Equal(MessageComposer.Compose(message).Octets, MessageComposer.Compose(message with { }).Octets);
    }

    [Fact]
    public void Blind_recipients_are_nowhere_in_it() =>
        Assert.DoesNotContain("carl", Text(Make()), StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void The_date_is_when_it_was_accepted_or_is_to_be_sent()
    {
        Assert.Contains("Date: Wed, 2 Jan 2030 12:00:00 +0000\r\n", Text(Make()), StringComparison.Ordinal);
        Assert.Contains("Date: Wed, 2 Jan 2030 15:00:00 +0000\r\n", Text(Make() with { SendAt = Now.AddHours(3) }), StringComparison.Ordinal);
    }

    [Fact]
    public void The_Message_ID_is_the_one_that_webhooks_tell()
    {
        var message = Make();

        Assert.Contains($"Message-ID: {MessageIdHeader.Of(message.Id, "sender.test")}\r\n", Text(message), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_personalization_goes_before_what_all_share()
    {
        var text = Text(Make());

        Assert.Contains("X-Order: 2\r\n", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("X-ORDER: 1", text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("X-Shop: yes\r\n", text, StringComparison.Ordinal);
        Assert.Contains("Subject: Hello Anna\r\n", text, StringComparison.Ordinal);
        Assert.Contains("Dear Anna", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_written_is_an_exception_of_its_own()
    {
        var bad = Make();
        bad = bad with { Personalization = bad.Personalization with { To = [new MailAddress("not an address")] } };

        Assert.Throws<MimeFieldException>(() => MessageComposer.Compose(bad));
    }

    [Fact]
    public void Substitutions_that_would_make_gigabytes_are_a_fault_of_the_message_alone()
    {
        var message = Make();
        message = message with
        {
            Content = message.Content with { Bodies = [new MessageBody("text/plain", new string('a', 1_000_000))] },
            Personalization = message.Personalization with { Substitutions = new Dictionary<string, string> { ["a"] = new('b', 9000) } },
        };

        Assert.Throws<MimeFieldException>(() => MessageComposer.Compose(message));
    }

    [Fact]
    public void Substitutions_reach_the_reply_address_and_its_name()
    {
        var message = Make();
        message = message with
        {
            Content = message.Content with { ReplyTo = [new MailAddress("-dept-@sender.test", "-dept- of the shop")] },
            Personalization = message.Personalization with { Substitutions = new Dictionary<string, string> { ["-dept-"] = "sales" } },
        };

        Assert.Contains("Reply-To: sales of the shop <sales@sender.test>\r\n", Text(message), StringComparison.Ordinal);
    }

    private static Message Make() => new()
    {
        Id = MessageId.NewRequest(Now),
        AccountId = 1,
        CreatedAt = Now,
        Content = new MessageContent
        {
            From = new MailAddress("shop@sender.test", "The Shop"),
            Subject = "Hello -name-",
            Bodies = [new MessageBody("text/plain", "Dear -name-")],
            Headers = new Dictionary<string, string> { ["X-ORDER"] = "1", ["X-Shop"] = "yes" },
        },
        Personalization = new Personalization
        {
            To = [new MailAddress("anna@shop.test")],
            Bcc = [new MailAddress("carl@shop.test", "Carl")],
            Headers = new Dictionary<string, string> { ["x-order"] = "2" },
            Substitutions = new Dictionary<string, string> { ["-name-"] = "Anna" },
        },
    };

    private static string Text(Message message) => Encoding.UTF8.GetString(MessageComposer.Compose(message).Octets.Span);
}
