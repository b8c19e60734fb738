using System.Net;
using System.Text;
using EmailService.Smtp.Client;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>Short ways to connect and send in tests.</summary>
internal static class SmtpTestSession
{
    public static readonly byte[] Message = Encoding.ASCII.GetBytes("Subject: test\r\n\r\nHello\r\n.dot\r\n..two\r\n");

    public static SmtpClientOptions Options { get; } = new() { HelloName = "client.test" };

    /// <summary>All deadlines short, for peers that never answer.</summary>
    public static SmtpClientOptions Hasty { get; } = Options with
    {
        GreetingTimeout = TimeSpan.FromMilliseconds(150),
        HelloTimeout = TimeSpan.FromMilliseconds(150),
        TlsTimeout = TimeSpan.FromMilliseconds(150),
        MailTimeout = TimeSpan.FromMilliseconds(150),
        RcptTimeout = TimeSpan.FromMilliseconds(150),
        DataTimeout = TimeSpan.FromMilliseconds(150),
        BlockTimeout = TimeSpan.FromMilliseconds(150),
        FinalReplyTimeout = TimeSpan.FromMilliseconds(150),
        QuitTimeout = TimeSpan.FromMilliseconds(150),
    };

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
