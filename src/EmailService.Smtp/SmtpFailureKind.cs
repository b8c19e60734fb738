namespace EmailService.Smtp;

/// <summary>In which way a peer, or the way to it, failed us.</summary>
public enum SmtpFailureKind
{
    /// <summary>A reply said no; the reply is kept beside it.</summary>
    Refused,

    /// <summary>The deadline of the phase passed.</summary>
    TimedOut,

    /// <summary>The connection was closed or reset.</summary>
    Closed,

    /// <summary>What came was no SMTP, was out of step, or was over the bounds.</summary>
    ProtocolError,

    /// <summary>TLS was wanted and could not be had. The caller decides whether to try again without.</summary>
    TlsFailed,

    /// <summary>No TCP connection: refused or unreachable.</summary>
    ConnectFailed,

    /// <summary>Our own local address could not be bound; the host was not asked.</summary>
    NoLocalAddress,

    /// <summary>The caller's token was cancelled before the content was committed to the wire.</summary>
    Aborted,
}
