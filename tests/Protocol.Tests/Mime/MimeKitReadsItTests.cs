using System.Security.Cryptography;
using System.Text;
using EmailService.Mime;
using EmailService.TestKit;
using MimeKit;
using MessagePart = EmailService.Mime.MessagePart;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>MimeKit as the other program: messages that have everything are read by it, and are equal in every field, address, text and file.</summary>
public sealed class MimeKitReadsItTests(ITestOutputHelper output)
{
    private const int Seed = 20261202;

    [Fact]
    public void All_that_a_message_says_is_read_back_equal()
    {
        var count = ContentSizes.Of(full: 20_000, share: 1_500);
        var any = new AnyMessage(new Random(Seed));
        var seen = new Dictionary<string, int>();
        for (var i = 0; i < count; i++)
        {
            var message = any.Next();
            try
            {
                Check(message, MailReading.ReadMessage(MimeComposer.Compose(message)), seen);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"message {i} of seed {Seed}:\n{MimeData.Compose(message)}", exception);
            }
        }

        // Each kind is among them, or the rest says nothing.
        Assert.All(new[] { "EAI", "encoded", "folded", "RFC 2231", "sections", "multipart/related", "text/calendar", "message/rfc822", "base64", "quoted-printable", "7bit" }, kind => Assert.InRange(seen.GetValueOrDefault(kind), count / 100, int.MaxValue));
        output.WriteLine($"{count} messages of {Seed} read back equal; among them {string.Join(", ", seen.Select(kind => $"{kind.Value} {kind.Key}"))}");
    }

    private static void Check(OutgoingMessage message, MimeMessage read, Dictionary<string, int> seen)
    {
        AssertMailboxes([message.From], read.From);
        AssertMailboxes(message.ReplyTo, read.ReplyTo);
        AssertMailboxes(message.To, read.To);
        AssertMailboxes(message.Cc, read.Cc);
        Assert.Equal((message.Date, message.MessageId), (read.Date, read.MessageId));
        Assert.Equal(message.Subject, read.Headers.Single(field => field.Id == HeaderId.Subject).Decoded());
        Assert.Equal(
            message.Headers.Select(field => (field.Key, Plain(field.Value))),
            read.Headers.SkipWhile(field => field.Id != HeaderId.MessageId).Skip(1).TakeWhile(field => field.Id != HeaderId.MimeVersion).Select(field => (field.Field, Plain(field.Decoded()))));
        var parts = read.Body!.Walk().Where(part => part is not Multipart).ToList();
        var texts = parts.Where(part => part.Disposition() is null && part.Headers.Contains(HeaderId.ContentTransferEncoding)).Take(message.Parts.Count).ToList();
        Assert.Equal(message.Parts.Select(part => part.ContentType.Split(';')[0]), texts.Select(part => part.Type()));
        Assert.Equal(message.Parts.Select(part => Lines(part.Text)), texts.Select(part => Lines(part.Text())));
        Assert.Equal(
            message.Attachments.Select(FileOf).Order(),
            parts.Where(part => part.Disposition() is not null).Select(FileOf).Order());
        CheckForms(read, seen);
        Count(seen, message.To.Append(message.From).Any(mailbox => mailbox.Address.NeedsSmtpUtf8), "EAI");
    }

    private static void CheckForms(MimeMessage read, Dictionary<string, int> seen)
    {
        foreach (var multipart in read.Body!.Walk().OfType<MultipartRelated>())
        {
            // RFC 2387 §3.1 and §3.2: the root is the first part and of the type that is named.
            Assert.Same(multipart[0], multipart.Root);
            Assert.Equal(multipart.ContentType.Parameters["type"], multipart.Root!.Type());
            Count(seen, true, "multipart/related");
        }

        foreach (var part in read.Body!.Walk())
        {
            Count(seen, part.Type() is "text/calendar" or "message/rfc822", part.Type());
            Count(seen, part is not Multipart, part.TransferEncoding());
            Count(seen, part.ContentDisposition?.Parameters.Any(p => p.EncodingMethod == ParameterEncodingMethod.Rfc2231 || part.RawField("Content-Disposition")!.Contains("*=", StringComparison.Ordinal)) == true, "RFC 2231");
            Count(seen, part.RawField("Content-Disposition")?.Contains("*1*=", StringComparison.Ordinal) == true, "sections");
        }

        Count(seen, read.Headers[HeaderId.Subject] is { } && read.Headers.Single(field => field.Id == HeaderId.Subject).Unfolded().Contains("=?utf-8?", StringComparison.Ordinal), "encoded");
        Count(seen, read.Headers.Any(field => field.RawValue.AsSpan().Count((byte)'\n') > 1), "folded");
    }

    private static void Count(Dictionary<string, int> seen, bool isOne, string kind)
    {
        if (isOne)
        {
            seen[kind] = seen.GetValueOrDefault(kind) + 1;
        }
    }

    /// <summary>MimeKit gives domains in Unicode unless it is asked; on the wire they are A-labels.</summary>
    private static void AssertMailboxes(IReadOnlyList<Mailbox> expected, InternetAddressList read) => Assert.Equal(
        expected.Select(mailbox => (mailbox.Address.ToString(), string.IsNullOrWhiteSpace(mailbox.DisplayName) ? null : mailbox.DisplayName)),
        read.Mailboxes.Select(mailbox => (mailbox.GetAddress(idnEncode: true), string.IsNullOrEmpty(mailbox.Name) ? null : mailbox.Name)));

    private static string FileOf(Attachment file)
    {
        // Only what needs no encoding goes out as a message (RFC 2046 §5.2.1), and a line with From at its beginning needs one.
        var type = file.ContentType.Split(';')[0];
        var isDivisible = type == "message/rfc822" && !file.Content.Span.ContainsAnyExceptInRange((byte)1, (byte)127) && file.Content.Span.IndexOf("\nFrom "u8) < 0;
        return $"{file.FileName}|{(type == "message/rfc822" && !isDivisible ? "application/octet-stream" : type)}|{file.Inline}|{file.ContentId}|{Hash(file.Content.Span)}";
    }

    private static string FileOf(MimeEntity part) =>
        $"{part.FileName()}|{part.Type()}|{part.Disposition() == "inline"}|{part.ContentId}|{Hash(part.Octets())}";

    private static string Hash(ReadOnlySpan<byte> octets) => Convert.ToHexString(SHA256.HashData(octets));

    // A structured value is trimmed.
    private static string Plain(string value) => value.Trim(' ', '\t');

    // Line ends are those of mail, and the last line of all has one.
    private static string Lines(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').TrimEnd('\n');
}
