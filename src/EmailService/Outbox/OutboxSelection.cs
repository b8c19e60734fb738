using EmailService.Messages;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Outbox;

/// <summary>Which recipients an operator or a sender means; what is null does not matter.</summary>
public sealed record OutboxSelection
{
    public int? AccountId { get; init; }

    public MessageId? Message { get; init; }

    /// <summary>The recipient's place in the envelope; only with <see cref="Message"/>.</summary>
    public short? N { get; init; }

    /// <summary>The recipients' domain, in lower-case ASCII.</summary>
    public string? Domain { get; init; }

    /// <summary>Lanes of the table.</summary>
    public IReadOnlyList<string>? Lanes { get; init; }

    /// <summary>What was accepted after this message is not meant: or mail that comes while the queue is gone through would be.</summary>
    public MessageId? UpTo { get; init; }

    /// <summary>The rows meant, of the next part of the table in the order of its primary key. A part is so many rows, whether they are meant
    /// or not: however long the queue is, a statement and its locks have a bound.</summary>
    internal const string PartSql = """
        part AS MATERIALIZED (
            SELECT o.message_id, o.n, o.account_id, o.address, o.lane, o.state
              FROM outbox AS o
             WHERE (o.message_id, o.n) > ($1, $2) AND o.message_id <= $3
             ORDER BY o.message_id, o.n
             LIMIT $4),
        meant AS MATERIALIZED (
            SELECT * FROM part AS o
             WHERE ($5::int IS NULL OR o.account_id = $5) AND ($6::text IS NULL OR right(o.address, length($6)) = $6)
               AND ($7::smallint IS NULL OR o.n = $7) AND ($8::text[] IS NULL OR o.lane = ANY ($8)))
        """;

    /// <summary>Rows of one part. A statement that changes all of them takes about a tenth of a second.</summary>
    internal const int PartRows = 5000;

    /// <summary>The place before the first row that may be meant.</summary>
    internal RecipientId Start => Message is { } message ? new RecipientId(message, -1) : new RecipientId(default, -1);

    /// <summary>$1 to $8 of <see cref="PartSql"/>.</summary>
    internal void AddTo(NpgsqlParameterCollection parameters, RecipientId after)
    {
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = after.Message.Value });
        parameters.Add(new NpgsqlParameter<short> { TypedValue = after.N });
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = (Message ?? UpTo)?.Value ?? Guid.AllBitsSet });
        parameters.Add(new NpgsqlParameter<int> { TypedValue = PartRows });
        parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer, Value = (object?)AccountId ?? DBNull.Value });
        parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = Domain is null ? DBNull.Value : "@" + Domain });
        parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Smallint, Value = (object?)N ?? DBNull.Value });
        parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = (object?)Lanes?.ToArray() ?? DBNull.Value });
    }
}

/// <summary>What one statement did to a part of the table.</summary>
/// <param name="Changed">Recipients that it changed.</param>
/// <param name="UnderWay">Recipients that are meant and in a worker's hands: left alone.</param>
/// <param name="Lanes">Lanes in which recipients that are meant wait.</param>
/// <param name="Next">Where the next part begins; null when this was the last.</param>
public sealed record OutboxPart(int Changed, int UnderWay, IReadOnlyList<string> Lanes, RecipientId? Next)
{
    /// <summary>The columns that <see cref="ReadAsync"/> expects, behind the number of rows changed.</summary>
    internal const string Columns = """
        (SELECT count(*)::int FROM meant WHERE state = 'leased'),
        (SELECT array_agg(DISTINCT lane) FROM meant WHERE state = 'queued'),
        (SELECT count(*)::int FROM part),
        last.message_id, last.n
        """;

    internal const string Last = "(SELECT 1) AS one LEFT JOIN (SELECT message_id, n FROM part ORDER BY message_id DESC, n DESC LIMIT 1) AS last ON true";

    internal static async Task<OutboxPart> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new OutboxPart(
            reader.GetInt32(0), reader.GetInt32(1), reader.IsDBNull(2) ? [] : reader.GetFieldValue<string[]>(2),
            reader.GetInt32(3) < OutboxSelection.PartRows ? null : new RecipientId(new MessageId(reader.GetGuid(4)), reader.GetInt16(5)));
    }
}
