using System.Net;
using System.Text;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>Short ways to connect and send in tests.</summary>
internal static class SmtpTestSession
{
    public static readonly byte[] Message = Encoding.ASCII.GetBytes("Subject: test\r\n\r\nHello\r\n.dot\r\n..two\r\n");

    public static SmtpClientOptions Options { get; } = new() { HelloName = "client.test" };

    /// <summary>A short deadline for the one phase in which the peer will hang, and long ones for all others, so that a busy machine changes nothing.</summary>
    public static SmtpClientOptions HastyAt(SmtpStage stage)
    {
        var hasty = TimeSpan.FromMilliseconds(150);
        return stage switch
        {
            SmtpStage.Connect => Options with { ConnectTimeout = hasty },
            SmtpStage.Greeting => Options with { GreetingTimeout = hasty },
            SmtpStage.Hello or SmtpStage.Authenticate => Options with { HelloTimeout = hasty },
            SmtpStage.StartTls => Options with { TlsTimeout = hasty },
            SmtpStage.Reset or SmtpStage.MailFrom => Options with { MailTimeout = hasty },
            SmtpStage.RcptTo => Options with { RcptTimeout = hasty },
            SmtpStage.Data => Options with { DataTimeout = hasty },
            SmtpStage.Content => Options with { BlockTimeout = hasty },
            SmtpStage.EndOfData => Options with { FinalReplyTimeout = hasty },
            SmtpStage.Quit => Options with { QuitTimeout = hasty },
        };
    }

    public static Task<SmtpConnectResult> ConnectAsync(
        IPEndPoint endPoint, SmtpClientOptions? options = null, SmtpTlsMode tls = SmtpTlsMode.None, CancellationToken token = default) =>
        SmtpClientSession.ConnectAsync(endPoint, "mx.test", tls, options ?? Options, TimeProvider.System, token);

    public static async Task<SmtpClientSession> OpenAsync(
        ScriptedMx mx, SmtpClientOptions? options = null, SmtpTlsMode tls = SmtpTlsMode.None)
    {
        var result = await ConnectAsync(mx.EndPoint, options, tls);
        Assert.True(result.IsConnected, $"{result.Failure}\n{result.Transcript}");
        return result.Session;
    }

    public static SmtpEnvelope To(params string[] recipients) => new("bounce@sender.test", recipients);

    public static Task<SmtpSendResult> SendAsync(this SmtpClientSession session, SmtpEnvelope envelope, byte[]? content = null, CancellationToken token = default) =>
        session.SendAsync(envelope, [content ?? Message], token);
}
