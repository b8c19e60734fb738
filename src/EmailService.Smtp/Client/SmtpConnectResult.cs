using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace EmailService.Smtp.Client;

/// <summary>Why there is no session.</summary>
/// <param name="Stage">How far it came.</param>
/// <param name="Kind">In which way it went wrong.</param>
/// <param name="Reply">The reply that refused us, or null.</param>
/// <param name="Detail">More about it, for people; or null.</param>
/// <param name="TlsFault">In which way TLS fell short, if that is the reason. Tells apart what RFC 8460 §4.3 reports apart.</param>
/// <param name="Tls">What the handshake came to, if there was one.</param>
public sealed record SmtpConnectFailure(
    SmtpStage Stage, SmtpFailureKind Kind, SmtpReply? Reply, string? Detail = null, SmtpTlsFault TlsFault = SmtpTlsFault.None, SmtpTlsInfo? Tls = null)
{
    /// <summary>Our own address on the connection, or null if there was none. RFC 8460 §4.4 reports it.</summary>
    public IPAddress? LocalAddress { get; init; }
}

/// <summary>A session that is ready for a message, or the reason why there is none.</summary>
/// <param name="Session">The session, owned by the caller from now on; or null.</param>
/// <param name="Failure">The reason; null if there is a session.</param>
/// <param name="Transcript">What was said, with times from the start of connecting.</param>
public sealed record SmtpConnectResult(SmtpClientSession? Session, SmtpConnectFailure? Failure, SmtpTranscript Transcript)
{
    /// <summary>True if there is a session.</summary>
    [MemberNotNullWhen(true, nameof(Session))]
    [MemberNotNullWhen(false, nameof(Failure))]
    public bool IsConnected => Session is not null;
}
