using System.Text;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

public sealed class MutationTests
{
    [Fact]
    public void The_parser_takes_anything_and_stays_in_its_limits()
    {
        var random = new Random(20260304);
        var seeds = Directory.GetFiles(MimeData.Path("mime", "james-mime4j"), "*.msg").Order().Select(File.ReadAllBytes)
            .Append(MimeComposer.Compose(NaughtyStringTests.Naughty("São João"))).ToList();
        for (var round = 0; round < 4000; round++)
        {
            Touch(MimeParser.Parse(Mutate(random, seeds[random.Next(seeds.Count)])));
        }
    }

    [Fact]
    public void Parts_within_parts_end_at_the_limit()
    {
        var text = new StringBuilder();
        for (var depth = 0; depth < 200; depth++)
        {
            text.Append("Content-Type: multipart/mixed; boundary=b").Append(depth).Append("\n\n--b").Append(depth).Append('\n');
        }

        var deepest = MimeParser.Parse(Encoding.ASCII.GetBytes(text.ToString()));
        var count = 0;
        for (; deepest.Children.Count > 0; count++)
        {
            deepest = deepest.Children[0];
        }

        Assert.Equal(MimeParser.MaxDepth, count);
    }

    [Fact]
    public void Many_parts_end_at_the_limit_and_nothing_is_lost()
    {
        var text = "Content-Type: multipart/mixed; boundary=b\n\n" + string.Concat(Enumerable.Range(0, 5000).Select(i => $"--b\n\n{i}\n"));
        var entity = MimeParser.Parse(Encoding.ASCII.GetBytes(text));
        Assert.InRange(entity.Walk().Count(), MimeParser.MaxEntities - 2, MimeParser.MaxEntities);
        Assert.EndsWith("\n4999\n", Encoding.ASCII.GetString(entity.Children[^1].Body.Span), StringComparison.Ordinal);
    }

    [Fact]
    public void Addresses_and_headers_take_anything()
    {
        var random = new Random(77);
        string[] seeds =
        [
            "someone@example.com", "\"a \\\" b\"@bücher.example", "用户@例え.テスト", "a@[IPv6:2001:db8::1]", "Jane <a@xn--bcher-kva.example>",
            "=?utf-8?Q?J=C3=B6rg?= =?iso-8859-1?B?4Q==?= <a@b.example>, G: x@y.example, <z@y.example>;, (c) q@r.example",
        ];
        for (var round = 0; round < 20_000; round++)
        {
            var text = Encoding.UTF8.GetString(Mutate(random, Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)])));
            if (EmailAddress.TryParse(text, allowLiteral: true, out var address, out var problem))
            {
                // What is accepted is stable: it parses to itself.
                Assert.True(EmailAddress.TryParse(address.ToString(), allowLiteral: true, out var again, out problem), $"{text}: {problem}");
                Assert.Equal(address, again);
                Assert.DoesNotContain(address.ToString(), char.IsControl);
            }
            else
            {
                Assert.NotEmpty(problem);
            }

            _ = Mailbox.TryParse(text, out _, out _);
            MimeHeader.Decode(text);
            MimeHeader.ParseMailboxes(text);
            _ = MimeContentType.TryParse(text, out _);
        }
    }

    private static void Touch(MimeEntity entity)
    {
        var count = 0;
        foreach (var part in entity.Walk())
        {
            count++;
            _ = (part.Text(), part.FileName, part.ContentId, part.Disposition, part.TransferEncoding, part.Headers.Select(field => field.Decoded).ToList());
        }

        Assert.InRange(count, 1, MimeParser.MaxEntities);
    }

    private static byte[] Mutate(Random random, byte[] seed)
    {
        var bytes = seed.ToList();
        for (var changes = random.Next(1, 6); changes > 0 && bytes.Count > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 8)));
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.Skip(random.Next(bytes.Count)).Take(random.Next(40)).ToList());
                    break;
                case 3:
                    bytes.Insert(at, "\r\n\0:;=?*'\"\\<>@(),-%_ "u8[random.Next(21)]);
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}
