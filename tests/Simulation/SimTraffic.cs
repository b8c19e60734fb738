using System.Globalization;
using EmailService.Accept;
using EmailService.Messages;

namespace EmailService.Simulation;

/// <summary>What applications send.</summary>
internal sealed class SimTraffic(SimWorld world)
{
    private static readonly MessageContent Content = new()
    {
        From = new MailAddress("shop@sender.test"), Subject = "s", Bodies = [new MessageBody("text/plain", "t")],
    };

    private static readonly Dictionary<string, string> None = [];

    private int count;

    /// <summary>One request to some node that is up, and the note of its answer.</summary>
    public async Task SendAsync(
        SimNode node, IReadOnlyList<string> domains, OnUnknown onUnknown, bool isUnknownUser = false, MailStream stream = MailStream.Transactional, int account = 1,
        DateTimeOffset? sendAt = null)
    {
        var messages = domains.Select(d => Address(isUnknownUser, d)).ToList();
        var result = await node.AcceptAsync(new SendRequest
        {
            Content = Content,
            OnUnknown = onUnknown,
            Stream = stream,
            Size = 100,
            Messages = [.. messages.Select(a => new RequestedMessage(new Personalization { To = [new MailAddress(a)] }, sendAt, None))],
        }, account);
        if (result is AcceptResult.Accepted)
        {
            messages.ForEach(world.Truth.Answered);
        }
    }

    private string Address(bool isUnknownUser, string domain) =>
        string.Create(CultureInfo.InvariantCulture, $"{(isUnknownUser ? "unknown" : "r")}{++count}@{domain}");
}
