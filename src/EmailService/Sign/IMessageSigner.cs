using EmailService.Messages;

namespace EmailService.Sign;

/// <summary>Makes of a message what goes out: composed and signed (<see cref="MessageSigner"/>), or as little as the simulator needs.</summary>
public interface IMessageSigner
{
    /// <summary>Null when the sender's domain is not (or no longer) one that we may sign for.</summary>
    /// <exception cref="Compose.NotComposedException">By a fault of ours.</exception>
    ValueTask<SignedMessage?> SignAsync(Message message, CancellationToken cancellationToken);
}
