using System.Buffers.Binary;
using EmailService.Messages;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Report;

/// <summary>What to look for; everything but the account may be left out.</summary>
public sealed record MessageQuery
{
    public required int AccountId { get; init; }

    /// <summary>A recipient's address, in any case.</summary>
    public string? To { get; init; }

    /// <summary>One of <see cref="ReportedState.All"/>.</summary>
    public string? State { get; init; }

    /// <summary>Accepted at this time or later.</summary>
    public DateTimeOffset? After { get; init; }

    /// <summary>Accepted before this time.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>Go on behind this recipient.</summary>
    public RecipientId? Cursor { get; init; }
    public int Limit { get; init; } = 20;
}

/// <summary>One recipient of one message, in a list.</summary>
public sealed record FoundMessage
{
    public required string Id { get; init; }
    public required short N { get; init; }
    public required string Email { get; init; }
    public required string State { get; init; }
    public required string From { get; init; }
    public required string Subject { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? SendAt { get; init; }
    public DateTimeOffset? NextAttemptAt { get; init; }
    public DateTimeOffset? SettledAt { get; init; }
    public required int Attempts { get; init; }
    public string? Reply { get; init; }
}

/// <summary>Finds recipients by address, state and time, newest first.</summary>
public sealed class MessageSearchStore(NpgsqlDataSource database, TimeProvider time)
{
    // By address: outbox_address and settled_address, both on lower(address). Otherwise the primary keys, backward
    // from the newest. The limit stands in each half, so that neither is read further than the page.
    private const string OpenHalf = """
        (SELECT message_id, n, address,
                CASE WHEN state = 'leased' THEN 'leased' WHEN attempts > 0 THEN 'deferred'
                     WHEN (SELECT send_at FROM messages WHERE id = outbox.message_id) > $7 THEN 'scheduled' ELSE 'queued' END AS state,
                CASE WHEN state = 'queued' THEN due_at END AS next_attempt_at, NULL::timestamptz AS settled_at,
                attempts, last_reply AS reply
           FROM outbox
        """;

    private const string SettledHalf = """
        (SELECT message_id, n, address, state, NULL::timestamptz AS next_attempt_at, settled_at, attempts, reply
           FROM settled
        """;

    private const string Where = " WHERE account_id = $1 AND message_id >= $2 AND (message_id, n) < ($3, $4)";
    private const string OfAddress = " AND lower(address) = lower($6)";
    private const string Page = " ORDER BY message_id DESC, n DESC LIMIT $5)";

    private const string Leased = " AND state = 'leased'";
    private const string Deferred = " AND state = 'queued' AND attempts > 0";
    private const string Scheduled = " AND state = 'queued' AND attempts = 0 AND (SELECT send_at FROM messages WHERE id = outbox.message_id) > $7";
    private const string Queued = " AND state = 'queued' AND attempts = 0 AND ((SELECT send_at FROM messages WHERE id = outbox.message_id) > $7) IS NOT TRUE";
    private const string End = " AND state = $8";

    private const string Join = """
        SELECT found.*, messages.from_address, messages.subject, messages.created_at, messages.send_at
          FROM ({0}) AS found JOIN messages ON messages.id = found.message_id
         ORDER BY found.message_id DESC, found.n DESC LIMIT $5
        """;

    /// <summary>The statement for this query; the parameters are always the same eight.</summary>
    internal static string Sql(MessageQuery query)
    {
        var address = query.To is null ? "" : OfAddress;
        var open = query.State switch
        {
            null => OpenHalf + Where + address + Page,
            ReportedState.Leased => OpenHalf + Where + address + Leased + Page,
            ReportedState.Deferred => OpenHalf + Where + address + Deferred + Page,
            ReportedState.Scheduled => OpenHalf + Where + address + Scheduled + Page,
            ReportedState.Queued => OpenHalf + Where + address + Queued + Page,
            _ => null,
        };
        var settled = query.State is null ? SettledHalf + Where + address + Page
            : ReportedState.IsOpen(query.State) ? null
            : SettledHalf + Where + address + End + Page;
        return Join.Replace("{0}", string.Join(" UNION ALL ", new[] { open, settled }.OfType<string>()), StringComparison.Ordinal);
    }

    internal NpgsqlParameter[] Parameters(MessageQuery query)
    {
        var ceiling = query.Before is { } before ? new RecipientId(Floor(before), 0) : new RecipientId(new MessageId(Guid.AllBitsSet), short.MaxValue);
        var end = query.Cursor is { } cursor && Compare(cursor, ceiling) < 0 ? cursor : ceiling;
        return
        [
            new() { Value = query.AccountId },
            new() { Value = (query.After is { } after ? Floor(after) : default).Value },
            new() { Value = end.Message.Value },
            new() { Value = end.N },
            new() { Value = query.Limit + 1 },
            new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)query.To ?? DBNull.Value },
            new() { Value = time.GetUtcNow() },
            new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)query.State ?? DBNull.Value },
        ];
    }

    /// <summary>One page, and where the next begins (null: there is none).</summary>
    public async Task<(IReadOnlyList<FoundMessage> Messages, RecipientId? Next)> SearchAsync(MessageQuery query, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(Sql(query));
        command.CommandTimeout = 10;
        command.Parameters.AddRange(Parameters(query));
        var found = new List<FoundMessage>();
        RecipientId last = default;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            if (found.Count == query.Limit)
            {
                return (found, last);
            }

            last = new RecipientId(new MessageId(reader.GetGuid(0)), reader.GetInt16(1));
            found.Add(new FoundMessage
            {
                Id = last.Message.ToString(),
                N = last.N,
                Email = reader.GetString(2),
                State = reader.GetString(3),
                NextAttemptAt = reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4),
                SettledAt = reader.IsDBNull(5) ? null : reader.GetFieldValue<DateTimeOffset>(5),
                Attempts = reader.GetInt32(6),
                Reply = reader.IsDBNull(7) ? null : reader.GetString(7),
                From = reader.GetString(8),
                Subject = reader.GetString(9),
                CreatedAt = reader.GetFieldValue<DateTimeOffset>(10),
                SendAt = reader.IsDBNull(11) ? null : reader.GetFieldValue<DateTimeOffset>(11),
            });
        }

        return (found, null);
    }

    private static int Compare(RecipientId left, RecipientId right) =>
        left.Message.CompareTo(right.Message) is var order and not 0 ? order : left.N.CompareTo(right.N);

    /// <summary>The lowest id of that millisecond; the same as <c>message_id_floor</c> of the database.</summary>
    internal static MessageId Floor(DateTimeOffset time)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        var milliseconds = Math.Max(0, time.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt64BigEndian(bytes, milliseconds << 16);
        return new MessageId(new Guid(bytes, bigEndian: true));
    }
}
