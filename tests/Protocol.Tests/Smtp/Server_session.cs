using System.Net;
using System.Net.Sockets;
using System.Text;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.Smtp.Server;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Server_session
{
    private readonly Keeper _keeper = new();

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Our_client_and_our_server_understand_each_other_over_tls(bool chunking, bool pipelining)
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var server = Serve(o => o with { Certificate = certificate });
        _keeper.OnRecipient = path => path.StartsWith('b') ? new SmtpReply(550, new EnhancedStatusCode(5, 1, 1), "No such\nuser") : null;
        var result = await ConnectAsync(server.EndPoint, Options with
        {
            Without = (chunking ? 0 : SmtpExtensions.Chunking) | (pipelining ? 0 : SmtpExtensions.Pipelining),
        }, SmtpTlsMode.Required);
        await using var session = result.Session!;

        for (var i = 0; i < 3; i++)
        {
            var sent = await session.SendAsync(new SmtpEnvelope("ж@sender.test", ["a@x.test", "b@x.test", "\"c d\"@x.test"], Is8Bit: true));
            Assert.Equal([250, 550, 250], sent.Recipients.Select(r => r.Reply!.Code));
            Assert.Equal("No such\nuser", sent.Recipients[1].Reply!.Text);
        }

        var refused = await session.SendAsync(To("b@x.test"));
        await session.QuitAsync(default);

        Assert.Equal(SmtpRecipientOutcome.Refused, refused.Recipients[0].Outcome);
        Assert.Equal(3, _keeper.Messages.Count);
        var (message, data) = _keeper.Messages[2];
        Assert.Equal(Message, data);
        Assert.Equal(("ж@sender.test", "client.test", true), (message.ReversePath, message.Peer.HelloName, message.IsSmtpUtf8));
        Assert.Equal(["a@x.test", "\"c d\"@x.test"], message.ForwardPaths);
        Assert.NotNull(message.Peer.Tls);
    }

    [Fact]
    public async Task A_pipelined_group_gets_its_replies_in_order()
    {
        await using var server = Serve();
        var replies = await TalkAsync(server,
            "EHLO c\r\nMAIL FROM:<a@x.test> SIZE=5\r\nRCPT TO:<b@x.test>\r\nDATA\r\n", "a\r\n..b\r\n.\r\nNOOP\r\nQUIT\r\n");

        Assert.Equal(["220", "250-", "250-", "250-", "250-", "250-", "250-", "250", "250", "250", "354", "250", "250", "221"], Codes(replies));
        Assert.Equal("a\r\n.b\r\n", Encoding.ASCII.GetString(_keeper.Messages.Single().Data));
    }

    [Theory]
    [InlineData("\n.\n")]
    [InlineData("\n.\r\n")]
    [InlineData("\r\n.\n")]
    [InlineData("\r.\r")]
    [InlineData("\r\n.\r")]
    public async Task Only_a_dot_between_two_CRLF_ends_the_content(string falseEnd)
    {
        await using var server = Serve();
        var replies = await TalkAsync(server,
            $"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n",
            $"one{falseEnd}MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n");

        Assert.Equal("a@x.test", Assert.Single(_keeper.Messages).Message.ReversePath);
        Assert.Equal(["354", "250", "221"], Codes(replies)[^3..]);
    }

    [Theory]
    [InlineData("MAIL FROM:<a@x.test>\r\n", "503")]
    [InlineData("EHLO\r\n", "501")]
    [InlineData("EHLO c\r\nRCPT TO:<a@x.test>\r\n", "503")]
    [InlineData("EHLO c\r\nDATA\r\n", "503")]
    [InlineData("EHLO c\r\nMAIL FROM:a@x.test\r\n", "501")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test\r\n", "501")]
    [InlineData("EHLO c\r\nMAIL FROM:<a b@x.test>\r\n", "501")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test>x\r\n", "501")]
    [InlineData("EHLO c\r\nMAIL TO:<a@x.test>\r\n", "501")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test> X=1\r\n", "555")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test> BODY=BINARYMIME\r\n", "555")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test> SIZE=1000001\r\n", "552")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test>\r\nMAIL FROM:<b@x.test>\r\n", "503")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<>\r\n", "501")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test>\r\nDATA\r\n", "554")]
    [InlineData("EHLO c\r\nMAIL FROM:<a@x.test>\r\nBDAT 6 LAST\r\nNOOP\r\n", "554")]
    [InlineData("EHLO c\r\nBDAT 6 LAST\r\nNOOP\r\n", "503")]
    [InlineData("EHLO c\r\nBDAT six\r\n", "501")]
    [InlineData("EHLO c\r\nBDAT 99999999999\r\n", "501")]
    [InlineData("STARTTLS\r\n", "500")]
    [InlineData("WHAT\r\n", "500")]
    [InlineData("EHLO c\r\nMAIL from: <@r.test:a@x.test> body=8bitmime smtputf8 size=7\r\n", "250")]
    [InlineData("EHLO c\nMAIL FROM:<>\n", "250")]
    [InlineData("VRFY a@x.test\r\n", "252")]
    public async Task Each_command_has_its_reply(string commands, string code)
    {
        await using var server = Serve();
        var replies = await TalkAsync(server, commands);

        Assert.Equal(code, Codes(replies)[^1]);
    }

    [Fact]
    public async Task Limits_on_lines_errors_connections_size_and_recipients_hold()
    {
        await using var server = Serve(o => o with { MaxBadCommands = 3, MaxConnections = 2, MaxRecipients = 2, MaxMessageBytes = 10_000 });
        var start = "EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n";

        Assert.Equal("421", Codes(await TalkAsync(server, new string('x', 5000)))[^1]);
        Assert.Equal("421", Codes(await TalkAsync(server, string.Concat(Enumerable.Repeat("WHAT\r\n", 10))))[^1]);
        Assert.Equal("452", Codes(await TalkAsync(server, start + "RCPT TO:<c@x.test>\r\nRCPT TO:<d@x.test>\r\n"))[^1]);
        Assert.Equal(["552", "221"], Codes(await TalkAsync(server, start + "DATA\r\n", new string('x', 15_000) + "\r\n.\r\nQUIT\r\n"))[^2..]);
        Assert.Equal("552", Codes(await TalkAsync(server, start + "DATA\r\n", new string('x', 50_000)))[^1]);
        Assert.Equal("552", Codes(await TalkAsync(server, start + "BDAT 15000 LAST\r\n" + new string('x', 15_000)))[^1]);
        Assert.Equal(["250", "250"], Codes(await TalkAsync(server, start + "BDAT 1\r\nxBDAT 0 LAST\r\n"))[^2..]);

        // A session is over a little after its client has heard so.
        await Wait.UntilAsync(() => server.ConnectionCount == 0, "all sessions are over");
        using var first = new TcpClient();
        using var second = new TcpClient();
        await first.ConnectAsync(server.EndPoint);
        await second.ConnectAsync(server.EndPoint);
        Assert.Equal((byte)'2', await FirstByteAsync(first));
        Assert.Equal((byte)'2', await FirstByteAsync(second));
        Assert.Equal("421", Codes(await TalkAsync(server))[^1]);
        Assert.Equal("x", Encoding.ASCII.GetString(Assert.Single(_keeper.Messages).Data));
    }

    [Fact]
    public async Task A_silent_client_is_told_and_closed_and_a_throwing_handler_is_a_451()
    {
        var errors = new List<Exception>();
        var time = new ManualTime();
        await using var server = Serve(o => o with { ReadTimeout = TimeSpan.FromMinutes(5), OnError = errors.Add }, time);
        _keeper.OnRecipient = _ => throw new InvalidOperationException("broken");
        using var client = new TcpClient();
        await client.ConnectAsync(server.EndPoint);
        using var reader = new StreamReader(client.GetStream(), Encoding.UTF8);
        await client.GetStream().WriteAsync("EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"u8.ToArray());

        var line = "";
        while (!line.StartsWith("451", StringComparison.Ordinal))
        {
            line = await reader.ReadLineAsync() ?? throw new EndOfStreamException($"closed after {line}");
        }

        // It waits for the next line, with nothing else to wait for.
        await time.WhenTimers(1);
        time.Advance(TimeSpan.FromMinutes(5));

        Assert.StartsWith("421", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Null(await reader.ReadLineAsync());
        Assert.Equal("broken", Assert.Single(errors).Message);
    }

    [Fact]
    public async Task Plaintext_after_STARTTLS_is_not_carried_into_tls()
    {
        using var certificate = ScriptedMx.CreateCertificate();
        await using var server = Serve(o => o with { Certificate = certificate });

        Assert.Equal("501", Codes(await TalkAsync(server, "EHLO c\r\nSTARTTLS\r\nMAIL FROM:<evil@x.test>\r\n"))[^1]);
    }

    [Fact]
    public async Task Mutated_dialogues_neither_crash_nor_hang_the_server()
    {
        var errors = new List<Exception>();
        await using var server = Serve(o => o with { OnError = errors.Add });
        var seed = "EHLO c\r\nMAIL FROM:<\"a b\"@x.test> SIZE=5 BODY=8BITMIME\r\nRCPT TO:<b@x.test>\r\nBDAT 3\r\na\r\nBDAT 2 LAST\r\n\r\nMAIL FROM:<>\r\nRCPT TO:<@r:b@x.test>\r\nDATA\r\na\r\n.\r\nRSET\r\nQUIT\r\n"u8.ToArray();
        var random = new Random(99);
        for (var i = 0; i < 300; i++)
        {
            var replies = await TalkAsync(server, Encoding.Latin1.GetString(Replies.Mutate(seed, random)));
            Assert.StartsWith("220 ", replies, StringComparison.Ordinal);
        }

        Assert.Empty(errors);
        Assert.All(_keeper.Messages, kept => Assert.InRange(kept.Message.ForwardPaths.Count, 1, 10));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1")]
    [InlineData("get /inbox HTTP/1.0")]
    [InlineData("GET")]
    [InlineData("POST / HTTP/1.1")]
    [InlineData("OPTIONS * HTTP/1.1")]
    [InlineData("CONNECT mx.test:25 HTTP/1.1")]
    [InlineData("PRI * HTTP/2.0")]
    [InlineData("PRI * HTTP/2")]
    [InlineData("NOOP / HTTP/1.1")]
    [InlineData("EHLO / HTTP/1.1")]
    [InlineData("Host: 127.0.0.1:2525")]
    [InlineData("host:127.0.0.1")]
    [InlineData("Content-Type: text/plain")]
    [InlineData("sec-ch-ua-platform: \"Linux\"")]
    public async Task A_line_of_HTTP_ends_the_session_before_what_follows_is_obeyed(string line)
    {
        await using var server = Serve();
        var replies = await TalkAsync(server, $"EHLO x\r\nNOOP\r\n{line}\r\n\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n");
        Assert.EndsWith("250 2.0.0 Ok\r\n421 4.7.0 This is a mail host and does not speak HTTP\r\n", replies, StringComparison.Ordinal);
        Assert.Empty(_keeper.Messages);
    }

    [Theory]
    [InlineData("MAIL FROM:<a:b@c.test>")]
    [InlineData("MAIL FROM: <a@b.test> SIZE=10")]
    [InlineData("MAIL FROM:<\"a HTTP/1.1\"@b.test>")]
    [InlineData("EHLO [IPv6:::1]")]
    [InlineData("NOOP HTTP/1.1 is what this is not")]
    public async Task A_command_that_only_looks_like_HTTP_is_obeyed(string line)
    {
        await using var server = Serve();
        Assert.DoesNotContain("421", await TalkAsync(server, $"EHLO x\r\n{line}\r\nQUIT\r\n"), StringComparison.Ordinal);
    }

    // Each part is sent when the replies to the one before it have begun to come; a null part sends nothing and keeps the connection open.
    private static async Task<string> TalkAsync(SmtpServer server, params string?[] parts)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.EndPoint);
        var stream = client.GetStream();
        var replies = new StringBuilder();
        var buffer = new byte[8192];
        try
        {
            foreach (var part in parts)
            {
                replies.Append(Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer)));
                if (part is not null)
                {
                    await stream.WriteAsync(Encoding.UTF8.GetBytes(part));
                }
            }

            if (parts.Length == 0 || parts[^1] is not null)
            {
                client.Client.Shutdown(SocketShutdown.Send);
            }

            for (int read; (read = await stream.ReadAsync(buffer)) > 0;)
            {
                replies.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // Closed with input unread: what came before counts.
        }

        return replies.ToString();
    }

    private static async Task<byte> FirstByteAsync(TcpClient client)
    {
        var buffer = new byte[1];
        await client.GetStream().ReadExactlyAsync(buffer);
        return buffer[0];
    }

    private static string[] Codes(string replies) =>
        [.. replies.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Select(line => line.Length > 3 && line[3] == '-' ? line[..4] : line[..3])];

    private SmtpServer Serve(Func<SmtpServerOptions, SmtpServerOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new SmtpServerOptions { EndPoint = new IPEndPoint(IPAddress.Loopback, 0), HostName = "server.test", MaxMessageBytes = 1_000_000 };
        var server = new SmtpServer(configure?.Invoke(options) ?? options, _keeper, time ?? TimeProvider.System);
        server.Start();
        return server;
    }
}
