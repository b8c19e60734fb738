using System.Net;

namespace EmailService.Smtp.Client;

/// <summary>A session as those use it who carry messages: <see cref="SmtpClientSession"/>, or something that behaves like one. RFC 5321 §3.</summary>
public interface ISmtpSession : IAsyncDisposable
{
    /// <summary>Where the session goes.</summary>
    IPEndPoint EndPoint { get; }

    /// <summary>The address and port that the session comes from.</summary>
    IPEndPoint? LocalEndPoint { get; }

    /// <summary>What the handshake came to, or null if the session is in clear.</summary>
    SmtpTlsInfo? Tls { get; }

    /// <summary>Transactions begun on this session that the host answered in full.</summary>
    int MessagesSent { get; }

    /// <summary>True if another message may be sent.</summary>
    bool IsUsable { get; }

    /// <summary>True if a message for this domain may be sent without going over the host's RCPTDOMAINMAX. RFC 9422 §4.3.</summary>
    /// <param name="domain">The domain of a recipient.</param>
    /// <returns>False if the session has seen as many other domains as it may.</returns>
    bool MayCarry(string domain);

    /// <summary>True if a message that asks for this policy may go over the session as it is.</summary>
    /// <param name="policy">The policy for the message.</param>
    /// <returns>False if a new connection has to be made for it.</returns>
    bool Satisfies(SmtpTlsPolicy policy);

    /// <summary>Sends one message: MAIL, RCPT for each recipient, and the content. RFC 5321 §3.3.</summary>
    /// <param name="envelope">Who it is from and for.</param>
    /// <param name="content">Header and body with CRLF line ends, not dot-stuffed, in any number of segments; sent in order.</param>
    /// <param name="cancellationToken">Aborts the session until the end of the content goes on the wire; from then on it is not honoured.</param>
    /// <returns>What came of each recipient.</returns>
    Task<SmtpSendResult> SendAsync(SmtpEnvelope envelope, IReadOnlyList<ReadOnlyMemory<byte>> content, CancellationToken cancellationToken);

    /// <summary>Ends the connection under a transaction that is under way, from any thread, as if the host had closed.</summary>
    void Break();

    /// <summary>Says QUIT, waits a short while for the reply, and closes. RFC 5321 §4.1.1.10.</summary>
    /// <param name="cancellationToken">Closes without waiting.</param>
    /// <returns>When closed.</returns>
    Task QuitAsync(CancellationToken cancellationToken);
}
