namespace EmailService.Smtp.Server;

/// <summary>Decides what a server takes. Called one at a time for a connection, and for many connections at once.</summary>
/// <remarks>An exception is answered with <c>451 4.3.0</c> and told to <see cref="SmtpServerOptions.OnError"/>; the connection goes on.</remarks>
public interface ISmtpServerHandler
{
    /// <summary>MAIL. A positive reply starts the transaction.</summary>
    /// <param name="peer">Who asks.</param>
    /// <param name="reversePath">Without angle brackets; empty for the null reverse-path.</param>
    /// <param name="cancellationToken">Cancelled when the server stops.</param>
    /// <returns>The reply; by default 250.</returns>
    ValueTask<SmtpReply> MailFromAsync(SmtpServerPeer peer, string reversePath, CancellationToken cancellationToken) =>
        ValueTask.FromResult(SmtpServerReplies.SenderOk);

    /// <summary>RCPT. A positive reply adds the recipient.</summary>
    /// <param name="peer">Who asks.</param>
    /// <param name="reversePath">That of the transaction.</param>
    /// <param name="forwardPath">Without angle brackets.</param>
    /// <param name="cancellationToken">Cancelled when the server stops.</param>
    /// <returns>The reply; by default 250.</returns>
    ValueTask<SmtpReply> RcptToAsync(SmtpServerPeer peer, string reversePath, string forwardPath, CancellationToken cancellationToken) =>
        ValueTask.FromResult(SmtpServerReplies.RecipientOk);

    /// <summary>The content is complete. A positive reply takes responsibility for it, so it comes after the message is safe. RFC 5321 §6.1.</summary>
    /// <param name="message">The message; its data is only valid until the returned task completes.</param>
    /// <param name="cancellationToken">Cancelled when the server stops.</param>
    /// <returns>The reply.</returns>
    ValueTask<SmtpReply> MessageReceivedAsync(SmtpServerMessage message, CancellationToken cancellationToken);
}
