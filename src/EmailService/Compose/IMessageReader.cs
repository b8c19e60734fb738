using EmailService.Messages;

namespace EmailService.Compose;

/// <summary>A message to read, and how much content may be read before it. Each room is in octets, and the content that reaches it is the last one read.</summary>
/// <param name="Id">Which.</param>
/// <param name="AccountId">Whose it is.</param>
/// <param name="RoomOfAccount">For content of this account: without any, nothing of it is read.</param>
/// <param name="Room">For content of all.</param>
public readonly record struct WantedMessage(MessageId Id, int AccountId, long RoomOfAccount, long Room);

/// <summary>Reads accepted messages back: from the tables (<see cref="MessageReader"/>), or the simulator's model of them.</summary>
public interface IMessageReader
{
    /// <summary>Reads messages, as many as have room in memory. Categories and custom arguments are left out: delivery needs neither.</summary>
    /// <param name="wanted">In the order in which they get the room. The messages of a request share its content, which counts with the first.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    Task<MessagesRead> ReadAsync(IReadOnlyCollection<WantedMessage> wanted, CancellationToken cancellationToken);
}
