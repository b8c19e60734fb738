using System.Net;
using System.Text;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.Smtp.Server;
using EmailService.TestKit;
using FsCheck;
using FsCheck.Fluent;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Content_arrives_unchanged
{
    // Few different bytes, so that dots meet line ends and segment ends often.
    private static readonly Gen<byte[]> Contents =
        Gen.Elements("."u8.ToArray(), "\r\n"u8.ToArray(), "..\r\n"u8.ToArray(), "\r\n."u8.ToArray(), "a"u8.ToArray(), "\r"u8.ToArray(), [0xFF], "\r\n.\r\n"u8.ToArray(), new byte[300])
            .ListOf().Select(parts => parts.SelectMany(p => p).Concat("\r\n"u8.ToArray()).ToArray());

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_the_bytes_and_however_they_are_cut(bool chunking)
    {
        var handler = new Keeper();
        await using var server = Serve(handler);
        await using var mx = ScriptedMx.Start();
        var options = Options with { Without = chunking ? SmtpExtensions.None : SmtpExtensions.Chunking };
        await using var toServer = (await ConnectAsync(server.EndPoint, options)).Session!;
        await using var toMx = await OpenAsync(mx, options);
        var random = new Random(7);
        foreach (var content in Contents.Sample(300))
        {
            var segments = Cut(content, random);

            var first = await toServer.SendAsync(To("a@x.test"), segments, default);
            var second = await toMx.SendAsync(To("a@x.test"), segments, default);

            Assert.Equal(SmtpRecipientOutcome.Accepted, first.Recipients[0].Outcome);
            Assert.Equal(content, handler.Messages[^1].Data);
            Assert.Equal(SmtpRecipientOutcome.Accepted, second.Recipients[0].Outcome);
            Assert.Equal(content, mx.Messages[^1].Data);
            Assert.Equal(chunking, mx.Messages[^1].IsChunked);
        }

        Assert.Equal(1, mx.ConnectionCount);
        Assert.DoesNotContain("RSET", mx.Commands);
    }

    [Theory]
    [InlineData(true, 65_536)]
    [InlineData(false, 65_536)]
    [InlineData(true, 3_000_000)]
    [InlineData(false, 3_000_000)]
    public async Task Also_when_it_takes_many_writes(bool chunking, int size)
    {
        var handler = new Keeper();
        await using var server = Serve(handler);
        await using var session = (await ConnectAsync(server.EndPoint, Options with { Without = chunking ? SmtpExtensions.None : SmtpExtensions.Chunking })).Session!;
        var random = new Random(size);
        for (var around = -8; around <= 8; around++)
        {
            var content = new byte[size + around];
            for (var i = 0; i < content.Length - 1; i += 2)
            {
                var pair = random.Next(3) switch { 0 => "\r\n"u8, 1 => ".."u8, _ => "a."u8 };
                pair.CopyTo(content.AsSpan(i));
            }

            if (size > 1_000_000 && around != 0)
            {
                continue;
            }

            "a\r\n"u8.CopyTo(content.AsSpan(content.Length - 3));

            var result = await session.SendAsync(To("a@x.test"), Cut(content, random), default);

            Assert.Equal(SmtpRecipientOutcome.Accepted, result.Recipients[0].Outcome);
            Assert.True(content.AsSpan().SequenceEqual(handler.Messages[^1].Data));
        }
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(".", ".\r\n")]
    [InlineData("no end", "no end\r\n")]
    [InlineData("cr\r", "cr\r\r\n")]
    [InlineData("lf\n", "lf\n\r\n")]
    [InlineData("a\n.\nb\n.\r\nc\r\n", "a\n..\nb\n..\r\nc\r\n")]
    public async Task A_line_end_is_added_and_no_bare_line_feed_can_end_the_content(string sent, string received)
    {
        await using var mx = ScriptedMx.StartOffering("PIPELINING");
        await using var session = await OpenAsync(mx);

        await session.SendAsync(To("a@x.test"), Encoding.ASCII.GetBytes(sent));

        // The scripted host takes LF for a line end, but only CRLF.CRLF for the end; a strict one would see the doubled dots.
        Assert.Equal(received.Replace("\n..", "\n.", StringComparison.Ordinal), Assert.Single(mx.Messages).Text);
    }

    private static SmtpServer Serve(Keeper handler)
    {
        var server = new SmtpServer(new SmtpServerOptions { EndPoint = new IPEndPoint(IPAddress.IPv6Loopback, 0), HostName = "server.test" }, handler, TimeProvider.System);
        server.Start();
        return server;
    }

    private static List<ReadOnlyMemory<byte>> Cut(byte[] content, Random random)
    {
        var segments = new List<ReadOnlyMemory<byte>>();
        var start = 0;
        for (var i = random.Next(6); i > 0; i--)
        {
            var end = random.Next(start, content.Length + 1);
            segments.Add(content.AsMemory(start..end));
            start = end;
        }

        segments.Add(content.AsMemory(start));
        return segments;
    }
}
