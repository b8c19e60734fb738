using System.Text;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Messages of any shape: names and subjects of all scripts, addresses beyond ASCII, files of all kinds, mails inside of mails.</summary>
internal sealed class AnyMessage(Random random)
{
    private static readonly string[] Pieces =
        ["a", "B", "7", " ", " ", "  ", "=", "?", "=?", "?=", "_", "\"", "\\", ",", ";", "<", ">", "@", "(", ")", "%", "*", "'", "\t", ".", ":", "é", "ß", "漢", "😀", "\u200B", "\u0301", "word", "words and ", "Übergrößenträger"];

    private static readonly string[] Lines =
        ["a", "word ", " ", "\t", "\n", "\r\n", "=", ".", "\n.\n", "\nFrom ", "--", "é", "漢", "😀", "long line of plain text to wrap ", "\n\n", "<b>", "=?utf-8?Q?a?="];

    private static readonly string[] Addresses =
        ["joao@example.net", "a.b+c@example.org", "\"quoted local\"@example.com", "u@bücher.example", "用户@例え.テスト", "jörg@example.com", "x@[192.0.2.1]"];

    public OutgoingMessage Next()
    {
        var inline = random.Next(3) == 0;
        return new OutgoingMessage
        {
            From = Box(),
            ReplyTo = random.Next(3) == 0 ? Boxes(2) : [],
            To = Boxes(random.Next(10) == 0 ? 40 : 4),
            Cc = random.Next(3) == 0 ? Boxes(3) : [],
            Subject = Text(Pieces, random.Next(5) == 0 ? 150 : 15),
            MessageId = $"{random.Next():x}.{random.Next():x}@example.com",
            Date = new DateTimeOffset(2026, random.Next(1, 13), random.Next(1, 29), random.Next(24), random.Next(60), random.Next(60), TimeSpan.FromMinutes(15 * random.Next(-47, 57))),
            Headers = Headers(),
            Parts = Parts(inline),
            Attachments = [.. Enumerable.Range(0, random.Next(4)).Select(_ => AnyFile()), .. inline ? [Image("logo", "logo.png"), Image("photo-2", Text(Pieces, 6))] : Array.Empty<Attachment>()],
        };
    }

    private static Mailbox Mailbox(string address, string? name) =>
        EmailAddress.TryParse(address, allowLiteral: true, out var parsed, out var problem) ? new Mailbox(parsed, name) : throw new ArgumentException(problem);

    private IReadOnlyList<MessagePart> Parts(bool inline)
    {
        var html = new MessagePart("text/html", Text(Lines, 30) + (inline ? "<img src=\"cid:logo\">" : ""));
        var plain = new MessagePart("text/plain", Text(Lines, random.Next(8) == 0 ? 600 : 30));
        return random.Next(5) switch
        {
            0 => [plain],
            1 => [html],
            2 => [plain, new MessagePart("text/x-amp-html", Text(Lines, 10)), html],
            3 => [plain, html, new MessagePart("text/calendar; method=REQUEST", Text(Lines, 20))],
            _ => [plain, html],
        };
    }

    private List<KeyValuePair<string, string>> Headers()
    {
        List<KeyValuePair<string, string>> fields = [];
        for (var n = random.Next(4); n > 0; n--)
        {
            fields.Add(random.Next(4) switch
            {
                0 => new("References", string.Join(' ', Enumerable.Range(0, random.Next(1, 9)).Select(i => $"<{random.Next():x}{new string('r', random.Next(120))}.{i}@mail.example.com>"))),
                1 => new("List-Unsubscribe", $"<https://example.com/unsub/{new string('u', random.Next(900))}==?a=1>, <mailto:u@example.com?subject=x>"),
                _ => new($"X-Any-{n}", Text(Pieces, 20)),
            });
        }

        return fields;
    }

    private Attachment AnyFile()
    {
        var octets = new byte[random.Next(10) == 0 ? random.Next(100_000) : random.Next(400)];
        random.NextBytes(octets);
        var name = Text(Pieces, random.Next(6) == 0 ? 60 : 5).Trim();
        return random.Next(4) switch
        {
            0 => new(name, "message/rfc822", Encoding.UTF8.GetBytes($"From: a@example.com\r\nSubject: inner {random.Next()}\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\n{Text(Lines, random.Next(10)).ReplaceLineEndings("\r\n")}\r\n--i--\r\n"), false, null),
            1 => new(name, "text/csv", octets, false, null),
            2 => new(name, "application/pdf", octets, random.Next(3) == 0, null),
            _ => new(name, "application/octet-stream", octets, false, null),
        };
    }

    private Attachment Image(string id, string name) => new(name.Trim(), "image/png", new byte[] { 1, 2, (byte)random.Next(256) }, true, id);

    private List<Mailbox> Boxes(int most) => [.. Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => Box())];

    private Mailbox Box() => Mailbox(Addresses[random.Next(Addresses.Length)], random.Next(3) == 0 ? null : Text(Pieces, random.Next(10) == 0 ? 60 : 6));

    private string Text(string[] pieces, int most) => string.Concat(Enumerable.Range(0, random.Next(most + 1)).Select(_ => pieces[random.Next(pieces.Length)]));
}
