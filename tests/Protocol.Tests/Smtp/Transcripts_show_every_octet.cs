using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using FsCheck;
using FsCheck.Fluent;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>What a host said is shown octet for octet, whatever it was, and can be read back from what is shown.</summary>
public sealed class Transcripts_show_every_octet
{
    [Theory]
    [InlineData("220 plain\r\n", "220 plain")]
    [InlineData("220\r\n", "220")]
    [InlineData("220 \r\n", "220 ")]
    [InlineData("220-one\r\n220 two\r\n", "220-one", "220 two")]
    [InlineData("220-2.0.0 one\r\n220 two\r\n", "220-2.0.0 one", "220 two")]
    [InlineData("220-one\r\n554 two\r\n", "220-one", "554 two")]
    [InlineData("250-one\r\n450-4.1.1 two\r\n550 5.1.1  three\r\n", "250-one", "450-4.1.1 two", "550 5.1.1  three")]
    [InlineData("220 2.0.00  two blanks\r\n", "220 2.0.00  two blanks")]
    [InlineData("220\ttab\r\n", @"220\ttab")]
    [InlineData("220 bare line feed\n", @"220 bare line feed\n")]
    [InlineData("220 two\r\r\n", @"220 two\r")]
    [InlineData("220 nul\0 escape\x1b[31m bell\a delete\x7f\r\n", @"220 nul\x00 escape\x1B[31m bell\x07 delete\x7F")]
    [InlineData(@"220 back\slash \x41" + "\r\n", @"220 back\\slash \\x41")]
    [InlineData("220 Привет, 世界 🎉\r\n", "220 Привет, 世界 🎉")]
    [InlineData("220 right\u202Eleft\u200Bhidden\u2028line\r\n", @"220 right\xE2\x80\xAEleft\xE2\x80\x8Bhidden\xE2\x80\xA8line")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request")]
    [InlineData("220 unfinished", "220 unfinished")]
    [InlineData("220-first\r\n22", "220-first", "22")]
    public async Task A_greeting_is_shown_as_it_came(string said, params string[] shown)
    {
        foreach (var isWhole in new[] { true, false })
        {
            Assert.Equal(shown, await ShownAsync(Encoding.UTF8.GetBytes(said), isWhole));
        }
    }

    [Fact]
    public async Task Octets_that_are_no_utf8_are_shown_as_numbers() =>
        Assert.Equal([@"220 caf\xE9 \xC3( \xED\xA0\x80"], await ShownAsync([.. "220 caf"u8, 0xE9, .. " "u8, 0xC3, .. "( "u8, 0xED, 0xA0, 0x80, .. "\r\n"u8], true));

    [Fact]
    public void Whatever_octets_come_can_be_read_back() =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<byte[]>().Filter(octets => octets.Length < 100),
            octets =>
            {
                byte[] said = [.. "220 "u8, .. octets];
                var shown = ShownAsync(said, isWhole: octets.Length % 2 == 0).GetAwaiter().GetResult();
                var (expected, read) = (LinesOf(said).ToList(), shown.Select(Unescape).Select(Convert.ToHexString).ToList());

                // A line that is no reply ends the session. What comes after it, octet by octet, may not be read any more: then the last line is a part of what was said.
                Assert.InRange(read.Count, Math.Min(2, expected.Count), expected.Count);
                Assert.Equal(expected.Take(read.Count - 1), read.Take(read.Count - 1));
                Assert.StartsWith(read[^1], expected[read.Count - 1], StringComparison.Ordinal);
                if (octets.Length % 2 == 0)
                {
                    Assert.Equal(expected, read);
                }
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public async Task A_long_line_is_cut_between_characters()
    {
        var shown = Assert.Single(await ShownAsync(Encoding.UTF8.GetBytes("220 " + string.Concat(Enumerable.Repeat("🎉\u0001", 200)) + "\r\n"), true));

        Assert.InRange(shown.Length, SmtpTranscript.MaxLineLength - 5, SmtpTranscript.MaxLineLength);
        Assert.EndsWith("…", shown, StringComparison.Ordinal);
        Assert.Matches(@"^220 (🎉\\x01)+🎉?…$", shown);
    }

    [Fact]
    public async Task A_reply_whose_lines_disagree_counts_by_its_last_and_is_shown_as_it_came()
    {
        await using var mx = ScriptedMx.Start();
        mx.Reply(EmailService.Smtp.SmtpStage.RcptTo, "250-2.1.5 Fine\n550-5.1.1 Or not\n451 4.3.0 Who knows");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal(451, result.Recipients[0].Reply!.Code);
        Assert.Equal(
            ["250-2.1.5 Fine", "550-5.1.1 Or not", "451 4.3.0 Who knows"],
            result.Transcript.GetLines().Where(l => l.Direction == SmtpDirection.Received).Select(l => l.Text).Skip(1));
    }

    // The lines that the host said, until the connection ended.
    private static async Task<List<string>> ShownAsync(byte[] said, bool isWhole)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var hosting = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            client.NoDelay = true;
            for (var at = 0; at < said.Length; at += isWhole ? said.Length : 1)
            {
                await client.Client.SendAsync(said.AsMemory(at, isWhole ? said.Length : 1));
            }

            client.Client.Shutdown(SocketShutdown.Send);
            var buffer = new byte[1000];
            while (await client.Client.ReceiveAsync(buffer) > 0)
            {
            }
        });
        var result = await ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        if (result.Session is { } session)
        {
            await session.DisposeAsync();
        }

        await hosting;
        return [.. result.Transcript.GetLines().Where(l => l.Direction == SmtpDirection.Received).Select(l => l.Text)];
    }

    // Line by line, without CRLF, and with LF where it stands alone.
    private static IEnumerable<string> LinesOf(byte[] said)
    {
        for (var at = 0; at < said.Length;)
        {
            var end = Array.IndexOf(said, (byte)'\n', at) + 1;
            end = end == 0 ? said.Length : end;
            var line = said[at..end];
            yield return Convert.ToHexString(line.AsSpan().EndsWith("\r\n"u8) ? line[..^2] : line);
            at = end;
        }
    }

    private static byte[] Unescape(string shown)
    {
        var octets = new List<byte>();
        for (var i = 0; i < shown.Length; i++)
        {
            if (shown[i] != '\\')
            {
                octets.AddRange(Encoding.UTF8.GetBytes(shown, i, char.IsHighSurrogate(shown[i]) ? 2 : 1));
                i += char.IsHighSurrogate(shown[i]) ? 1 : 0;
                continue;
            }

            i++;
            octets.Add(shown[i] switch
            {
                't' => (byte)'\t',
                'r' => (byte)'\r',
                'n' => (byte)'\n',
                'x' => byte.Parse(shown.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                _ => (byte)shown[i],
            });
            i += shown[i] == 'x' ? 2 : 0;
        }

        return [.. octets];
    }
}
