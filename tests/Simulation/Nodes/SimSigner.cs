using EmailService.Messages;
using EmailService.Sign;

namespace EmailService.Simulation;

/// <summary>Signs nothing: what a message says does not matter here.</summary>
internal sealed class SimSigner(TimeProvider time) : IMessageSigner
{
    public ValueTask<SignedMessage?> SignAsync(Message message, CancellationToken cancellationToken) =>
        ValueTask.FromResult<SignedMessage?>(new SignedMessage([], "sender.test", "bounces.sender.test", time.GetUtcNow()));
}
