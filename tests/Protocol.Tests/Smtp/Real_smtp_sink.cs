using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>Against Postfix's own test host, from Debian's package postfix.</summary>
public sealed class Real_smtp_sink
{
    private static readonly string? Sink = new[] { "/usr/sbin/smtp-sink", "/usr/local/sbin/smtp-sink" }.FirstOrDefault(File.Exists);

    [Fact]
    public async Task A_hundred_messages_go_over_one_session_with_whatever_it_offers()
    {
        Assert.SkipWhen(Sink is null, "smtp-sink is not installed (Debian: postfix)");
        var port = FreePort.Take();
        var start = new ProcessStartInfo(Sink!, [.. UserArguments(), string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), "10"]);
        using var sink = Process.Start(start)!;
        try
        {
            var connected = await ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
            await Wait.UntilAsync(async () =>
            {
                Assert.False(sink.HasExited, "smtp-sink ended");
                connected = connected.IsConnected ? connected : await ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
                return connected.IsConnected;
            }, () => "a session with smtp-sink; the last try: " + connected.Transcript);

            Assert.True(connected.IsConnected, connected.Transcript.ToString());
            await using var session = connected.Session;
            for (var i = 0; i < 100; i++)
            {
                var result = await session.SendAsync(To("a@x.test", "b@x.test"));
                Assert.True(result.Recipients.All(r => r.Outcome == SmtpRecipientOutcome.Accepted), result.Transcript.ToString());
            }

            await session.QuitAsync(default);
        }
        finally
        {
            sink.Kill();
            await sink.WaitForExitAsync();
        }
    }

    private static string[] UserArguments() => Environment.UserName == "root" ? ["-u", "nobody"] : [];
}
