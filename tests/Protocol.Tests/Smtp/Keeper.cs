using EmailService.Smtp;
using EmailService.Smtp.Server;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>Keeps what a server receives, and refuses what it is told to.</summary>
internal sealed class Keeper : ISmtpServerHandler
{
    public List<(SmtpServerMessage Message, byte[] Data)> Messages { get; } = [];

    public Func<string, SmtpReply?> OnRecipient { get; set; } = _ => null;

    public ValueTask<SmtpReply> RcptToAsync(SmtpServerPeer peer, string reversePath, string forwardPath, CancellationToken cancellationToken) =>
        ValueTask.FromResult(OnRecipient(forwardPath) ?? new SmtpReply(250, new EnhancedStatusCode(2, 1, 5), "Fine"));

    public ValueTask<SmtpReply> MessageReceivedAsync(SmtpServerMessage message, CancellationToken cancellationToken)
    {
        lock (Messages)
        {
            Messages.Add((message, message.Data.ToArray()));
        }

        return ValueTask.FromResult(new SmtpReply(250, new EnhancedStatusCode(2, 0, 0), "Kept"));
    }
}
