using System.Text;
using System.Text.RegularExpressions;
using EmailService.Mime;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>A body of any length and any shape of lines can be written, in lines that every mail host takes, and is read back as it was: an
/// ASCII body of which 999 octets remained after its lines of up to 998 once could not.</summary>
public sealed partial class BodyLengthTests(ITestOutputHelper output)
{
    private const int Longest = 3000;
    private const int Seed = 20261201;

    // Around every limit there is: 76 of quoted-printable, 78 and 998 of RFC 5322 §2.1.1, with and without line end.
    private static readonly int[] LineLengths = [0, 1, 2, 57, 74, 75, 76, 77, 78, 79, 80, 500, 996, 997, 998, 999, 1000, 1001, 1002, 1996, 2000, 3000];
    private static readonly string[] LineEnds = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\n\n"];
    private static readonly string[] Pieces = ["x", "x", "x", "word ", " ", "\t", "=", ".", "From ", "--", "é", "漢", "😀", "\0", "\x1B", "\x7F"];

    [Fact]
    public void Every_length_up_to_3000_octets_is_written_and_read_back()
    {
        for (var length = 0; length <= Longest; length++)
        {
            Check(new string('x', length));
            Check(Lines(length, 998, "\r\n"));
            Check(Lines(length, 76, "\n"));
        }
    }

    [Fact]
    public void Lines_of_any_shape_are_written_and_read_back()
    {
        var count = ContentSizes.Of(full: 200_000, share: 6_000);
        var random = new Random(Seed);
        for (var i = 0; i < count; i++)
        {
            var body = AnyBody(random, i % (Longest + 1));
            try
            {
                Check(body);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"body {i} of seed {Seed}, {body.Length} characters", exception);
            }
        }

        output.WriteLine($"{count} bodies, each as text/plain, as text/html and in an attached message/rfc822: all read back equal");
    }

    private static string Lines(int length, int width, string end)
    {
        var body = new StringBuilder(length);
        while (body.Length < length)
        {
            var line = Math.Min(width, length - body.Length);
            body.Append('x', line);
            body.Append(end, 0, Math.Min(end.Length, length - body.Length));
        }

        return body.ToString();
    }

    /// <summary>Half of them plain ASCII, where the limits are; a body is cut at the length, wherever that falls.</summary>
    private static string AnyBody(Random random, int length)
    {
        var body = new StringBuilder(length + 8);
        var plain = random.Next(2) == 0;
        var end = LineEnds[random.Next(LineEnds.Length)];
        while (body.Length < length)
        {
            var line = random.Next(3) == 0 ? random.Next(1100) : LineLengths[random.Next(LineLengths.Length)];
            for (var from = body.Length; body.Length - from < line && body.Length < length;)
            {
                body.Append(plain || random.Next(8) > 0 ? "x" : Pieces[random.Next(Pieces.Length)]);
            }

            body.Append(random.Next(20) == 0 ? LineEnds[random.Next(LineEnds.Length)] : end);
        }

        var text = body.ToString(0, Math.Min(length, body.Length));
        return text is [.., >= '\uD800' and <= '\uDBFF'] ? text[..^1] : text;
    }

    private static void Check(string body)
    {
        var expected = LineEnd().Replace(body, "\r\n");
        CheckBody("text/plain", body, expected);
        CheckBody("text/html", body, expected);

        var octets = Encoding.UTF8.GetBytes("Subject: inner\r\n\r\n" + body);
        var message = MimeData.Message() with { Attachments = [new Attachment("m.eml", "message/rfc822", octets, false, null)] };
        var composed = MimeComposer.Compose(message);
        AssertGoodLines(composed);
        var attached = MailReading.Read(composed).Children()[1];
        Assert.True(attached.Octets().AsSpan().SequenceEqual(octets), "the attached message is another");
    }

    private static void CheckBody(string type, string body, string expected)
    {
        var composed = MimeComposer.Compose(MimeData.Message() with { Parts = [new MessagePart(type, body)] });
        AssertGoodLines(composed);
        var text = MailReading.Read(composed).Text();

        // SMTP ends every message with a line end (RFC 5321 §4.1.1.4).
        Assert.True(text == expected || text == expected + "\r\n", $"a body of {body.Length} characters came back with {text.Length}");
    }

    /// <summary>What RFC 5321 §4.5.3.1.6 and RFC 5322 §2.1.1 ask of every line.</summary>
    private static void AssertGoodLines(ReadOnlySpan<byte> message)
    {
        Assert.True(message.EndsWith("\r\n"u8), "the message ends without a line end");
        Assert.True(message.IndexOfAnyExceptInRange((byte)1, (byte)127) < 0, "it has a NUL or an octet above 127");
        while (!message.IsEmpty)
        {
            var end = message.IndexOfAny((byte)'\r', (byte)'\n');
            Assert.True(message[end..].StartsWith("\r\n"u8), "a CR or LF stands alone");
            Assert.True(end <= 998, $"a line has {end} octets");
            message = message[(end + 2)..];
        }
    }

    [GeneratedRegex("\r\n|\r|\n")]
    private static partial Regex LineEnd();
}
