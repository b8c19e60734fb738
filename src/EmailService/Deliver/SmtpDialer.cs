using System.Net;
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
        var result = await SmtpClientSession.ConnectAsync(endPoint, hostName, tls, options, time, cancellation);
        return (result.Session, result.Failure, result.Transcript.ToString());
    }
}
