using EmailService.Accounts;
using EmailService.Compose;
using EmailService.Messages;

namespace EmailService.Sign;

/// <summary>A message as it goes out: the signature's header field and the message below it, which are not copied together.</summary>
/// <param name="Segments">What SMTP sends, in order.</param>
/// <param name="Domain">The domain that signed.</param>
/// <param name="ReturnPath">The host part of the reverse-path.</param>
/// <param name="At">When it was composed and signed.</param>
public sealed record SignedMessage(IReadOnlyList<ReadOnlyMemory<byte>> Segments, string Domain, string ReturnPath, DateTimeOffset At)
{
    /// <summary>Octets in all.</summary>
    public int Size => Segments.Sum(s => s.Length);

    /// <summary>Only a host with SMTPUTF8 may have it. RFC 6531 §3.2</summary>
    public bool NeedsSmtpUtf8 { get; init; }

    /// <summary>It has octets above 127. RFC 6152</summary>
    public bool Is8Bit { get; init; }
}

/// <summary>Composes a message and signs it with the key of the domain it is from.</summary>
public sealed class MessageSigner(SendingDomains domains, ComposeMetrics metrics, TimeProvider time) : IMessageSigner
{
    /// <summary>Null when the sender's domain is not (or no longer) one that we may sign for.</summary>
    /// <exception cref="NotComposedException">By a fault of ours.</exception>
    public async ValueTask<SignedMessage?> SignAsync(Message message, CancellationToken cancellationToken)
    {
        var domain = await domains.FindAsync(message.AccountId, message.From.Domain, cancellationToken);
        if (domain is not { Verified: true })
        {
            return null;
        }

        var composed = Compose(message);
        var now = time.GetUtcNow();
        var signature = domain.Signer.Sign(composed.Octets.Span, now);
        return new SignedMessage([signature, composed.Octets], domain.Name, domain.ReturnPath, now)
        {
            NeedsSmtpUtf8 = composed.NeedsSmtpUtf8,
            Is8Bit = !System.Text.Ascii.IsValid(composed.Octets.Span),
        };
    }

    private ComposedMessage Compose(Message message)
    {
        try
        {
            return MessageComposer.Compose(message);
        }
        catch (Exception exception)
        {
            metrics.Failed.Add(1);
            throw new NotComposedException(exception);
        }
    }
}
