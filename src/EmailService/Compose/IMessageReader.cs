using EmailService.Messages;

namespace EmailService.Compose;

/// <summary>Reads accepted messages back: from the tables (<see cref="MessageReader"/>), or the simulator's model of them.</summary>
public interface IMessageReader
{
    /// <summary>Reads messages, as many as have room in memory. Categories and custom arguments are left out: delivery needs neither.</summary>
    /// <param name="room">Octets of content at most; a single one is read whatever its size.</param>
    Task<MessagesRead> ReadAsync(IReadOnlyCollection<MessageId> ids, long room, CancellationToken cancellationToken);
}
