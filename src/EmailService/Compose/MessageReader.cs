using System.Text.Json;
using EmailService.Messages;
using Npgsql;

namespace EmailService.Compose;

/// <summary>Reads accepted messages back: those that were left by another node, deferred or scheduled.</summary>
public sealed partial class MessageReader(NpgsqlDataSource db, ILogger<MessageReader> logger)
{
    // Primary key of messages, once for the message and once for the content on message 0 of its request.
    private const string ReadSql = """
        SELECT m.id, m.account_id, m.created_at, m.send_at, m.on_unknown, m.personalization, c.content
          FROM unnest($1::uuid[], $2::uuid[]) AS want(id, request_id)
          JOIN messages AS m ON m.id = want.id
          JOIN messages AS c ON c.id = want.request_id
        """;

    /// <summary>The messages that were found, by id, and those that were found and can't be read: by a newer program's hand, or damaged.
    /// Categories and custom arguments are left out: delivery needs neither.</summary>
    public async Task<(Dictionary<MessageId, Message> Read, HashSet<MessageId> Unreadable)> ReadAsync(IReadOnlyCollection<MessageId> ids, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ReadSql);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids.Select(i => i.Value)] });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids.Select(i => i.RequestId.Value)] });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var messages = new Dictionary<MessageId, Message>(ids.Count);
        var unreadable = new HashSet<MessageId>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = new MessageId(reader.GetGuid(0));
            try
            {
                messages[id] = Decode(id, reader);
            }
            catch (Exception exception) when (exception is InvalidDataException or InvalidCastException or JsonException)
            {
                // One that can't be read must not hold up those that were claimed with it.
                LogUnreadable(exception, id.ToString());
                unreadable.Add(id);
            }
        }

        return (messages, unreadable);
    }

    private static Message Decode(MessageId id, NpgsqlDataReader reader) => new()
    {
        Id = id,
        AccountId = reader.GetInt32(1),
        CreatedAt = reader.GetFieldValue<DateTimeOffset>(2),
        SendAt = reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3),
        OnUnknown = Names.TryParseOnUnknown(reader.GetString(4), out var onUnknown) ? onUnknown : OnUnknown.Retry,
        Personalization = MessageCodec.DecodePersonalization(reader.GetFieldValue<byte[]>(5)),
        Content = MessageCodec.DecodeContent(reader.GetFieldValue<byte[]>(6)),
    };

    [LoggerMessage(2500, LogLevel.Error, "The stored message {Message} can't be read")]
    private partial void LogUnreadable(Exception exception, string message);
}
