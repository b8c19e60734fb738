using System.Net;
using System.Net.Sockets;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>Opens sessions: on sockets, or in the simulator's world.</summary>
public interface ISmtpDialer
{
    /// <summary>A session that is ready for MAIL, or why there is none; and what was said.</summary>
    Task<(ISmtpSession? Session, SmtpConnectFailure? Failure, string Transcript)> ConnectAsync(
        IPEndPoint endPoint, string hostName, SmtpTlsPolicy tls, SmtpClientOptions options, CancellationToken cancellation);
}

/// <summary>On sockets.</summary>
public sealed class SmtpDialer(TimeProvider time) : ISmtpDialer
{
    public async Task<(ISmtpSession? Session, SmtpConnectFailure? Failure, string Transcript)> ConnectAsync(
        IPEndPoint endPoint, string hostName, SmtpTlsPolicy tls, SmtpClientOptions options, CancellationToken cancellation)
    {
        try
        {
            var result = await SmtpClientSession.ConnectAsync(endPoint, hostName, tls, options, time, cancellation);
            return (result.Session, result.Failure, result.Transcript.ToString());
        }
        catch (SocketException e)
        {
            // There is no socket to connect: this machine, or this process, has no file descriptor left. That says nothing about the host.
            var reply = Verdict.NotTried($"this machine has no socket for it ({e.SocketErrorCode})");
            return (null, new SmtpConnectFailure(SmtpStage.Connect, SmtpFailureKind.ConnectFailed, reply), reply.ToString());
        }
    }
}
