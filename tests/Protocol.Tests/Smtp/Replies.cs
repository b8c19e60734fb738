using System.Text;
using EmailService.Smtp;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Replies
{
    [Theory]
    [InlineData("250 Ok\r\n", 250, null, "Ok")]
    [InlineData("250\r\n", 250, null, "")]
    [InlineData("250 \r\n", 250, null, "")]
    [InlineData("550 5.1.1 No such user\r\n", 550, "5.1.1", "No such user")]
    [InlineData("550 5.1.1\r\n", 550, "5.1.1", "")]
    [InlineData("550-5.7.1 Blocked, see\r\n550 5.7.1 https://example.test\r\n", 550, "5.7.1", "Blocked, see\nhttps://example.test")]
    [InlineData("550-Blocked\r\n550 5.7.1 see\r\n", 550, "5.7.1", "Blocked\nsee")]
    [InlineData("250-a\n250 b\n", 250, null, "a\nb")]
    [InlineData("250 a\r\r\n", 250, null, "a")]
    [InlineData("220 4.3.2.1 is our address\r\n", 220, null, "4.3.2.1 is our address")]
    [InlineData("550 3.1.1 no class\r\n", 550, null, "3.1.1 no class")]
    [InlineData("450 4.7.1234 no detail\r\n", 450, null, "4.7.1234 no detail")]
    [InlineData("550 4.7.1 classes disagree\r\n", 550, "4.7.1", "classes disagree")]
    [InlineData("250-first\r\n450-second\r\n550 the last one counts\r\n", 550, null, "first\nsecond\nthe last one counts")]
    [InlineData("550 a\0b\x1b[31mc\x7f\r\n", 550, null, "a b [31mc ")]
    [InlineData("550 Пользователь\r\n", 550, null, "Пользователь")]
    public void A_reply_is_read_the_same_whole_and_byte_by_byte(string wire, int code, string? enhanced, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(wire);
        foreach (var piece in new[] { bytes.Length, 1, 3 })
        {
            var reply = ReadInPieces(bytes, piece, SmtpReplyLimits.Default, out var status);

            Assert.Equal(SmtpReplyStatus.Complete, status);
            Assert.Equal((code, enhanced, text), (reply!.Code, reply.Enhanced?.ToString(), reply.Text));
        }
    }

    [Theory]
    [InlineData("hello\r\n")]
    [InlineData("\r\n")]
    [InlineData("25\r\n")]
    [InlineData("250Ok\r\n")]
    [InlineData("150 preliminary\r\n")]
    [InlineData("650 beyond\r\n")]
    [InlineData("２５０ wide digits\r\n")]
    [InlineData("250-a\r\nb\r\n")]
    public void What_is_no_reply_is_malformed(string wire)
    {
        ReadInPieces(Encoding.UTF8.GetBytes(wire), 1, SmtpReplyLimits.Default, out var status);
        Assert.Equal(SmtpReplyStatus.Malformed, status);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_replaced()
    {
        var reply = ReadInPieces([.. "550 caf"u8, 0xE9, .. "\r\n"u8], 100, SmtpReplyLimits.Default, out _);
        Assert.Equal("caf\uFFFD", reply!.Text);
    }

    [Fact]
    public void Lines_count_and_bytes_of_a_reply_are_bounded()
    {
        var limits = new SmtpReplyLimits(20, 3, 50);
        Assert.Equal(SmtpReplyStatus.TooLarge, Status("250 " + new string('x', 18)));
        Assert.Equal(SmtpReplyStatus.TooLarge, Status("250 " + new string('x', 17) + "\r\n"));
        Assert.Equal(SmtpReplyStatus.Complete, Status("250 " + new string('x', 16) + "\r\n"));
        Assert.Equal(SmtpReplyStatus.Complete, Status("250-a\r\n250-a\r\n250 a\r\n"));
        Assert.Equal(SmtpReplyStatus.TooLarge, Status("250-a\r\n250-a\r\n250-a\r\n250 a\r\n"));
        Assert.Equal(SmtpReplyStatus.TooLarge, Status("250-0123456789012\r\n250-0123456789012\r\n250 0123456789012\r\n"));

        SmtpReplyStatus Status(string wire)
        {
            ReadInPieces(Encoding.ASCII.GetBytes(wire), 1, limits, out var small);
            ReadInPieces(Encoding.ASCII.GetBytes(wire), 1000, limits, out var whole);
            Assert.Equal(whole, small);
            return whole;
        }
    }

    [Fact]
    public void One_parser_reads_the_replies_of_a_pipelined_group_one_after_the_other()
    {
        var parser = new SmtpReplyParser(SmtpReplyLimits.Default);
        var wire = "250-2.1.0 a\r\n250 2.1.0 b\r\n550 5.1.1 c\r\n354 d\r\n25"u8.ToArray().AsSpan();
        var seen = new List<string>();
        while (parser.Read(wire, out var consumed, out var reply) == SmtpReplyStatus.Complete)
        {
            seen.Add(reply!.ToString());
            wire = wire[consumed..];
        }

        Assert.Equal(["250 2.1.0 a b", "550 5.1.1 c", "354 d"], seen);
        Assert.Equal(2, wire.Length);
        Assert.False(parser.IsInsideReply);
    }

    [Fact]
    public void Twenty_thousand_mutations_neither_throw_nor_grow_nor_differ_by_how_they_are_cut()
    {
        string[] seeds =
        [
            "250 2.0.0 Ok\r\n",
            "250-mx.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n",
            "550-5.7.26 This mail has been blocked\r\n550 5.7.26 because the sender is unauthenticated\r\n",
            "421 4.7.0 Try later\r\n354 go\r\n",
            "452 4.2.2 Почта\n",
        ];
        var random = new Random(20241);
        var limits = new SmtpReplyLimits(80, 5, 300);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = Mutate(Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)]), random);

            var whole = ReadInPieces(bytes, bytes.Length + 1, limits, out var status);
            var pieces = ReadInPieces(bytes, random.Next(1, 5), limits, out var statusOfPieces);

            Assert.Equal(status, statusOfPieces);
            Assert.Equal(whole, pieces);
            if (whole is not null)
            {
                Assert.InRange(whole.Code, 200, 599);
                Assert.InRange(whole.Text.Length, 0, 300);
                Assert.DoesNotContain(whole.Text, c => char.IsControl(c) && c != '\n');
            }
        }
    }

    [Theory]
    [InlineData("5.1.1", true)]
    [InlineData("2.0.0", true)]
    [InlineData("4.123.999", true)]
    [InlineData("3.1.1", false)]
    [InlineData("5.1", false)]
    [InlineData("5.1.", false)]
    [InlineData("5..1", false)]
    [InlineData("5.1.1 ", false)]
    [InlineData("5.1.1000", false)]
    [InlineData("", false)]
    public void Enhanced_codes_are_read_strictly(string text, bool good)
    {
        Assert.Equal(good, EnhancedStatusCode.TryParse(text, out var code));
        if (good)
        {
            Assert.Equal(text, code.ToString());
        }
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("a@b.test", true)]
    [InlineData("\"a b>\\\"\"@b.test", true)]
    [InlineData("потребител@пример.test", true)]
    [InlineData("a@b.test>", false)]
    [InlineData("a@b.test> NOTIFY=NEVER", false)]
    [InlineData("a@b.test\r\nRCPT TO:<c@d.test", false)]
    [InlineData("a@b.test\n", false)]
    [InlineData("a\0@b.test", false)]
    [InlineData("a\u0085@b.test", false)]
    [InlineData("\"a@b.test", false)]
    [InlineData("\"a\\", false)]
    [InlineData("\"a\"", false)]
    [InlineData("\"a\"> X=\"@b.test", false)]
    [InlineData("a b@c.test", false)]
    public void A_path_is_safe_if_it_can_only_be_a_path(string path, bool safe) => Assert.Equal(safe, SmtpPath.IsSafe(path));

    internal static byte[] Mutate(byte[] bytes, Random random)
    {
        var mutated = new List<byte>(bytes);
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            var at = random.Next(mutated.Count + 1);
            switch (random.Next(4))
            {
                case 0 when at < mutated.Count:
                    mutated[at] = (byte)random.Next(256);
                    break;
                case 1 when at < mutated.Count:
                    mutated.RemoveAt(at);
                    break;
                case 2:
                    mutated.InsertRange(at, mutated.Take(random.Next(mutated.Count + 1)).ToArray());
                    break;
                default:
                    mutated.Insert(at, "\r\n -.0245"u8[random.Next(9)]);
                    break;
            }
        }

        return [.. mutated];
    }

    // The first reply, or null; stops at the first status that is not NeedMore.
    private static SmtpReply? ReadInPieces(byte[] bytes, int piece, SmtpReplyLimits limits, out SmtpReplyStatus status)
    {
        var parser = new SmtpReplyParser(limits);
        var start = 0;
        status = SmtpReplyStatus.NeedMore;
        for (var end = Math.Min(piece, bytes.Length); ; end = Math.Min(end + piece, bytes.Length))
        {
            status = parser.Read(bytes.AsSpan(start..end), out var consumed, out var reply);
            start += consumed;
            if (status != SmtpReplyStatus.NeedMore || end == bytes.Length)
            {
                return reply;
            }
        }
    }
}
