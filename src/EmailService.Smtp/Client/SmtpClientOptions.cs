using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.Smtp.Client;

/// <summary>How a client session behaves. The deadlines are those of RFC 5321 §4.5.3.2 unless said otherwise.</summary>
public sealed record SmtpClientOptions
{
    /// <summary>The name we say in EHLO: a host name with an address record, or an address literal. RFC 5321 §4.1.1.1.</summary>
    public required string HelloName { get; init; }

    /// <summary>The local address to connect from, or null for the system's choice.</summary>
    public IPAddress? LocalAddress { get; init; }

    /// <summary>For the TCP connection. Default 30 seconds; the RFC names none.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the greeting. Default 5 minutes.</summary>
    public TimeSpan GreetingTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the reply to EHLO or HELO. Default 5 minutes.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For STARTTLS and the handshake together. Default 1 minute; the RFC names none.</summary>
    public TimeSpan TlsTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>For the reply to MAIL, and to RSET. Default 5 minutes.</summary>
    public TimeSpan MailTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the reply to each RCPT. Default 5 minutes.</summary>
    public TimeSpan RcptTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the 354 after DATA. Default 2 minutes.</summary>
    public TimeSpan DataTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>For each block of content to be taken by the network. Default 3 minutes.</summary>
    public TimeSpan BlockTimeout { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>For the reply after the final dot or the last chunk. Default 10 minutes: less makes duplicates. RFC 5321 §4.5.3.2.6.</summary>
    public TimeSpan FinalReplyTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>For QUIT and its reply, at which nothing is lost. Default 2 seconds.</summary>
    public TimeSpan QuitTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Bounds on a reply. A larger one is a <see cref="SmtpFailureKind.ProtocolError"/>.</summary>
    public SmtpReplyLimits ReplyLimits { get; init; } = SmtpReplyLimits.Default;

    /// <summary>What is not used though the host offers it. Default none. Encryption is used all the same where a policy demands it
    /// (<see cref="SmtpTlsPolicy.IsMandatory"/>).</summary>
    public SmtpExtensions Without { get; init; }

    /// <summary>The roots that vouch for certificates where a policy asks for PKIX; null for those of the system.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>Who we are to a host that wants to know, such as a relay. Never sent in clear: without TLS the session fails. Null, the default:
    /// we say nothing.</summary>
    public SmtpCredentials? Credentials { get; init; }

    /// <summary>Makes the TLS settings for a host name. Null for the platform's defaults without revocation checks or certificate downloads.
    /// Target host and validation callback are set by the session in either case.</summary>
    public Func<string, SslClientAuthenticationOptions>? TlsOptions { get; init; }
}
