using System.Diagnostics.CodeAnalysis;

namespace EmailService.Smtp.Client;

/// <summary>Why there is no session.</summary>
/// <param name="Stage">How far it came.</param>
/// <param name="Kind">In which way it went wrong.</param>
/// <param name="Reply">The reply that refused us, or null.</param>
/// <param name="Detail">More about it, for people; or null.</param>
public sealed record SmtpConnectFailure(SmtpStage Stage, SmtpFailureKind Kind, SmtpReply? Reply, string? Detail = null);

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
