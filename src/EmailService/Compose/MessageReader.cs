using System.Text.Json;
using EmailService.Messages;
using Npgsql;

namespace EmailService.Compose;

/// <summary>Reads accepted messages back: those that were left by another node, deferred or scheduled.</summary>
public sealed partial class MessageReader(NpgsqlDataSource db, ILogger<MessageReader> logger) : IMessageReader
{
    private const string ReadSql = """
        SELECT m.id, m.account_id, m.created_at, m.send_at, m.on_unknown, m.personalization, m.stream, m.ip_pool
          FROM unnest($1::uuid[]) AS want(id)
          JOIN messages AS m ON m.id = want.id
        """;

    // The content lies on message 0 of a request, once for all its messages: a thousand personalizations of one large
    // attachment must not bring it a thousand times. What lies beyond the room stays where it is: beyond its account's first, as that takes no room
    // from the others.
    private const string ReadContentsSql = """
        SELECT id, fits, CASE WHEN fits THEN content END
          FROM (SELECT id, content,
                       in_own AND coalesce(sum(size) FILTER (WHERE in_own) OVER (ORDER BY place), 0) - size < room AS fits
                  FROM (SELECT c.id, c.content, c.size::bigint AS size, want.room, want.place,
                               sum(c.size::bigint) OVER (PARTITION BY want.account_id ORDER BY want.place) - c.size < want.room_of_account AS in_own
                          FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
                               AS want(id, account_id, room_of_account, room, place)
                          JOIN messages AS c ON c.id = want.id) AS of_account) AS sized
        """;

    /// <inheritdoc />
    public async Task<MessagesRead> ReadAsync(IReadOnlyCollection<WantedMessage> wanted, CancellationToken cancellationToken)
    {
        await using var batch = db.CreateBatch();
        var contentsCommand = new NpgsqlBatchCommand(ReadContentsSql);
        var requests = wanted.DistinctBy(w => w.Id.RequestId).ToList();
        contentsCommand.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. requests.Select(w => w.Id.RequestId.Value)] });
        contentsCommand.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. requests.Select(w => w.AccountId)] });
        contentsCommand.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. requests.Select(w => w.RoomOfAccount)] });
        contentsCommand.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. requests.Select(w => w.Room)] });
        batch.BatchCommands.Add(contentsCommand);
        var command = new NpgsqlBatchCommand(ReadSql);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. wanted.Select(w => w.Id.Value)] });
        batch.BatchCommands.Add(command);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);

        // 1. What the requests' messages share; null stands for content that can't be read.
        var contents = new Dictionary<MessageId, MessageContent?>();
        var beyond = new HashSet<MessageId>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = new MessageId(reader.GetGuid(0));
            if (reader.GetBoolean(1))
            {
                contents[id] = TryDecode(id, () => MessageCodec.DecodeContent(reader.GetFieldValue<byte[]>(2)));
            }
            else
            {
                beyond.Add(id);
            }
        }

        // 2. The messages.
        await reader.NextResultAsync(cancellationToken);
        var read = new MessagesRead([], [], []);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = new MessageId(reader.GetGuid(0));
            if (beyond.Contains(id.RequestId))
            {
                read.Beyond.Add(id);
            }
            else if (!contents.TryGetValue(id.RequestId, out var content))
            {
                continue;
            }
            else if (content is not null && TryDecode(id, () => Decode(id, content, reader)) is { } message)
            {
                read.Messages[id] = message;
            }
            else
            {
                read.Unreadable.Add(id);
            }
        }

        return read;
    }

    // One that can't be read must not hold up those that were claimed with it.
    private T? TryDecode<T>(MessageId id, Func<T> decode)
        where T : class
    {
        try
        {
            return decode();
        }
        catch (Exception exception) when (exception is InvalidDataException or InvalidCastException or JsonException)
        {
            LogUnreadable(exception, id.ToString());
            return null;
        }
    }

    private static Message Decode(MessageId id, MessageContent content, NpgsqlDataReader reader) => new()
    {
        Id = id,
        AccountId = reader.GetInt32(1),
        CreatedAt = reader.GetFieldValue<DateTimeOffset>(2),
        SendAt = reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3),
        OnUnknown = Names.TryParseOnUnknown(reader.GetString(4), out var onUnknown) ? onUnknown : OnUnknown.Retry,
        Stream = Names.TryParseStream(reader.GetString(6), out var stream) ? stream : MailStream.Transactional,
        IpPool = reader.IsDBNull(7) ? null : reader.GetString(7),
        Personalization = MessageCodec.DecodePersonalization(reader.GetFieldValue<byte[]>(5)),
        Content = content,
    };

    [LoggerMessage(2500, LogLevel.Error, "The stored message {Message} can't be read")]
    private partial void LogUnreadable(Exception exception, string message);
}

/// <summary>What a reading came to. What is in none of them is not there.</summary>
/// <param name="Unreadable">By a newer program's hand, or damaged.</param>
/// <param name="Beyond">There was no room for their content.</param>
public sealed record MessagesRead(Dictionary<MessageId, Message> Messages, HashSet<MessageId> Unreadable, HashSet<MessageId> Beyond);
