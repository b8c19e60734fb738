using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EmailService.Accept;
using EmailService.Compose;
using EmailService.Messages;
using EmailService.Mime;
using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.Tests.Accept;

/// <summary>What can't be composed is found before the 202: the checks of a request imply that each of its messages can be composed, and it
/// says what the request said. Nothing is composed twice for it, and a request of a thousand messages with a large file is answered before
/// gigabytes of them are made.</summary>
public sealed partial class AcceptedMailIsComposedTests(ITestOutputHelper output)
{
    private const int Seed = 20261204;

    [Fact]
    public void Every_accepted_mail_is_composed_and_says_what_was_asked()
    {
        var wanted = Environment.GetEnvironmentVariable("EMAILSERVICE_TEST_CONTENT") switch
        {
            { Length: > 0 } asked => asked == "full" ? 20_000 : int.Parse(asked, CultureInfo.InvariantCulture),
            _ => 1_500,
        };
        var requests = new AnyRequest(Seed);
        var (mails, refused) = (0, 0);
        while (mails < wanted)
        {
            var json = requests.Next();
            if (!SendRequestReader.TryRead(Encoding.UTF8.GetBytes(json), Reading.Now, Reading.Pools, SendApi.SendGrid, out var request, out var errors))
            {
                Assert.NotEmpty(errors);
                refused++;
                continue;
            }

            foreach (var message in Composing.Messages(request))
            {
                try
                {
                    Check(message, request);
                }
                catch (Exception exception)
                {
                    throw new InvalidOperationException($"seed {Seed}, mail {mails} of {json}", exception);
                }

                mails++;
            }
        }

        // Neither are all requests fine, nor nearly none: then they would say nothing about either.
        Assert.InRange(refused, 1, 2 * mails);
        output.WriteLine($"{mails} accepted mails of {Seed}: all composed and read back equal; {refused} requests refused");
    }

    private static void Check(Message message, SendRequest request)
    {
        var mail = MailReading.Read(MessageComposer.Compose(message).Octets);
        var own = message.Personalization;
        var (room, work) = (Substitution.MostGrowth, Substitution.MostWork);
        Assert.Equal(Substitution.Apply(message.Subject, own.Substitutions, ref room, ref work), mail.Field("Subject"));
        AssertMailboxes([message.From], mail, "From");
        AssertMailboxes(own.To, mail, "To");
        AssertMailboxes(own.Cc, mail, "Cc");
        Assert.Null(mail.RawField("Bcc"));
        foreach (var (name, value) in request.Content.Headers.Where(h => !own.Headers.Keys.Contains(h.Key, StringComparer.OrdinalIgnoreCase)).Concat(own.Headers))
        {
            var written = Assert.Single(mail.Headers, h => h.Field.Equals(name, StringComparison.OrdinalIgnoreCase));
            var isMailbox = name is "Sender" or "Disposition-Notification-To";
            Assert.Equal(isMailbox ? Mailbox(value) : Plain(value), isMailbox ? MailboxOf(mail, name) : Plain(written.Decoded()));
        }

        Assert.Single(mail.Headers, h => h.Field == "Message-ID");
        Assert.Single(mail.Headers, h => h.Field == "Date");
        CheckParts(message, mail);
    }

    private static void CheckParts(Message message, MimeEntity mail)
    {
        var leaves = mail.Walk().Where(part => part is MimeKit.MimePart).ToList();
        var (room, work) = (Substitution.MostGrowth, Substitution.MostWork);
        foreach (var body in message.Content.Bodies)
        {
            var text = Substitution.Apply(body.Value, message.Personalization.Substitutions, ref room, ref work)!;
            var type = body.Type.Split(';')[0].Trim();
            var written = Assert.Single(leaves, part => part.Type() == type && part.Disposition() is null).Text();
            Assert.Equal(Body(text), Body(written));
        }

        var files = mail.Walk().Where(part => part.Disposition() is not null).ToList();
        Assert.Equal(message.Content.Attachments.Count, files.Count);
        foreach (var file in message.Content.Attachments)
        {
            Assert.Contains(files, part => (part.ContentDisposition?.FileName ?? "") == file.FileName
                && part.Octets().AsSpan().SequenceEqual(file.Content)
                && (part.ContentId is null) == (file.ContentId is null));
        }
    }

    private static void AssertMailboxes(IReadOnlyList<MailAddress> expected, MimeEntity mail, string field) => Assert.Equal(
        expected.Select(a => (a.Email, string.IsNullOrWhiteSpace(a.Name) ? null : a.Name)),
        mail.Mailboxes(field));

    private static string MailboxOf(MimeEntity mail, string field) =>
        mail.Mailboxes(field).Single() is var (address, name) && EmailAddress.TryParse(address, out var parsed, out _) ? new Mailbox(parsed, name).ToString() : "none";

    private static string Mailbox(string value) => EmailService.Mime.Mailbox.TryParse(value, out var mailbox, out _) ? mailbox.ToString() : "none";

    // A structured value is trimmed, and may have a blank after a comma.
    private static string Plain(string value) => Blanks().Replace(value.Trim(), ",");

    // The last line of a mail always has an end, line ends are those of mail, and a file has another identity where no header can hold its own.
    private static string Body(string text) => ContentId().Replace(LineEnd().Replace(text, "\n").TrimEnd('\n'), "cid:");

    [GeneratedRegex(",[ \t]*")]
    private static partial Regex Blanks();

    [GeneratedRegex("\r\n|\r")]
    private static partial Regex LineEnd();

    [GeneratedRegex("cid:(my logo|my-logo-[0-9a-f]{8}|gr%C3%B6%C3%9Fe|gr--e-[0-9a-f]{8})")]
    private static partial Regex ContentId();
}
