using EmailService.Messages;
using Npgsql;

namespace EmailService.Compose;

/// <summary>Reads accepted messages back: those that were left by another node, deferred or scheduled.</summary>
public sealed class MessageReader(NpgsqlDataSource db)
{
    // Primary key of messages, once for the message and once for the content on message 0 of its request.
    private const string ReadSql = """
        SELECT m.id, m.account_id, m.created_at, m.send_at, m.on_unknown, m.personalization, c.content
          FROM unnest($1::uuid[], $2::uuid[]) AS want(id, request_id)
          JOIN messages AS m ON m.id = want.id
          JOIN messages AS c ON c.id = want.request_id
        """;

    /// <summary>The messages that were found, by id. Categories and custom arguments are left out: delivery needs neither.</summary>
    public async Task<Dictionary<MessageId, Message>> ReadAsync(IReadOnlyCollection<MessageId> ids, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ReadSql);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids.Select(i => i.Value)] });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids.Select(i => i.RequestId.Value)] });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var messages = new Dictionary<MessageId, Message>(ids.Count);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = new MessageId(reader.GetGuid(0));
            messages[id] = new Message
            {
                Id = id,
                AccountId = reader.GetInt32(1),
                CreatedAt = reader.GetFieldValue<DateTimeOffset>(2),
                SendAt = await reader.IsDBNullAsync(3, cancellationToken) ? null : reader.GetFieldValue<DateTimeOffset>(3),
                OnUnknown = Names.TryParseOnUnknown(reader.GetString(4), out var onUnknown) ? onUnknown : OnUnknown.Retry,
                Personalization = MessageCodec.DecodePersonalization(reader.GetFieldValue<byte[]>(5)),
                Content = MessageCodec.DecodeContent(reader.GetFieldValue<byte[]>(6)),
            };
        }

        return messages;
    }
}
