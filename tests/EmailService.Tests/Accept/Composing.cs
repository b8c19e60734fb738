using EmailService.Accept;
using EmailService.Compose;
using EmailService.Messages;
using EmailService.Mime;
using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.Tests.Accept;

/// <summary>The whole way of a request from its JSON to the octets that go out, the database's form between them.</summary>
internal static class Composing
{
    public static IEnumerable<Message> Messages(SendRequest request)
    {
        var id = MessageId.NewRequest(Reading.Now);
        var content = MessageCodec.DecodeContent(MessageCodec.Encode(request.Content));
        return request.Messages.Select((requested, i) => new Message
        {
            Id = id.WithIndex(i),
            AccountId = 1,
            CreatedAt = Reading.Now,
            SendAt = requested.SendAt,
            Content = content,
            Personalization = MessageCodec.DecodePersonalization(MessageCodec.Encode(requested.Personalization)),
        });
    }

    public static IReadOnlyList<MimeEntity> Mails(SendRequest request) =>
        [.. Messages(request).Select(message => MailReading.Read(MessageComposer.Compose(message).Octets))];

    /// <summary>The one mail that a request becomes.</summary>
    public static MimeEntity Mail(string json) => Assert.Single(Mails(Reading.Read(json)));

    /// <summary>All media types, outermost first.</summary>
    public static IEnumerable<string> Types(MimeEntity mail) => mail.Walk().Select(part => part.Type());
}
