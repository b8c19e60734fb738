using EmailService.Messages;
using EmailService.Platform;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Inbox;

/// <summary>One mail in the list.</summary>
public sealed record InboxEntry(
    long Id, DateTimeOffset ReceivedAt, string ReversePath, IReadOnlyList<string> Recipients, string From, string Subject, int Size);

/// <summary>Keeps what the catch-all host took.</summary>
public sealed class InboxStore(NpgsqlDataSource database)
{
    private const int LongestText = 2000;

    // The message is in the partition of its day, by the primary key.
    private const string AddSql = """
        INSERT INTO inbox (received_at, reverse_path, recipients, from_header, subject, data, account_id)
        VALUES ($1, $2, $3, $4, $5, $6, (SELECT account_id FROM messages WHERE id = $7)) RETURNING id
        """;

    /// <summary>Returns once the mail is committed.</summary>
    /// <param name="message">Which message of ours it is: its account may read it. Null if that is not known: operators alone may.</param>
    public async Task<long> AddAsync(
        DateTimeOffset receivedAt, string reversePath, IReadOnlyList<string> recipients, string from, string subject,
        ReadOnlyMemory<byte> data, MessageId? message, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(AddSql);
        command.Parameters.Add(new() { Value = receivedAt.ToUniversalTime() });
        command.Parameters.Add(new() { Value = Storable(reversePath) });
        command.Parameters.Add(new() { Value = recipients.Select(Storable).ToArray() });
        command.Parameters.Add(new() { Value = Storable(from) });
        command.Parameters.Add(new() { Value = Storable(subject) });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bytea, Value = data });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Uuid, Value = (object?)message?.Value ?? DBNull.Value });
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    // A field of the header may be long: a list has the beginning of it, and of the recipients.
    private const string Listed =
        "id, received_at, left(reverse_path, 1000), recipients[1:100], left(from_header, 1000), left(subject, 1000), octet_length(data)";

    private const string IsWanted = "id < $1 AND ($2::text IS NULL OR lower($2) IN (SELECT lower(address) FROM unnest(recipients) AS address))";

    // The primary key, backward.
    private const string ListSql = $"SELECT {Listed} FROM inbox WHERE {IsWanted} ORDER BY id DESC LIMIT $3";

    // Index inbox_of_account, backward.
    private const string ListOfAccountSql = $"SELECT {Listed} FROM inbox WHERE account_id = $4 AND {IsWanted} ORDER BY id DESC LIMIT $3";

    /// <summary>The newest first.</summary>
    /// <param name="account">Only the mail of this account; null for all there is.</param>
    /// <param name="before">Only those before this id.</param>
    /// <param name="to">Only those to this recipient, in any case; null for all.</param>
    /// <param name="limit">The most to return.</param>
    /// <param name="cancel">Ends the reading.</param>
    public async Task<IReadOnlyList<InboxEntry>> ListAsync(int? account, long before, string? to, int limit, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(account is null ? ListSql : ListOfAccountSql);
        command.Parameters.Add(new() { Value = before });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)to ?? DBNull.Value });
        command.Parameters.Add(new() { Value = limit });
        if (account is { } only)
        {
            command.Parameters.Add(new() { Value = only });
        }

        await using var reader = await command.ExecuteReaderAsync(cancel);
        var entries = new List<InboxEntry>();
        while (await reader.ReadAsync(cancel))
        {
            entries.Add(Entry(reader));
        }

        return entries;
    }

    private const string FindSql = """
        SELECT id, received_at, reverse_path, recipients, from_header, subject, octet_length(data), data
          FROM inbox WHERE id = $1 AND ($2::int IS NULL OR account_id = $2)
        """;

    /// <param name="account">Null if it may be anybody's.</param>
    public async Task<(InboxEntry Entry, byte[] Data)?> FindAsync(int? account, long id, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer, Value = (object?)account ?? DBNull.Value });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? (Entry(reader), reader.GetFieldValue<byte[]>(7)) : null;
    }

    private const string TrimSql = """
        DELETE FROM inbox WHERE id <= (SELECT id FROM inbox ORDER BY id DESC OFFSET $1 LIMIT 1)
        """;

    /// <summary>Removes all but the newest.</summary>
    public async Task<int> TrimAsync(int keep, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(TrimSql);
        command.Parameters.Add(new() { Value = keep });
        return await command.ExecuteNonQueryAsync(cancel);
    }

    // The mail itself is kept octet for octet beside it.
    private static string Storable(string text) => OneLine.Of(text, LongestText);

    private static InboxEntry Entry(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(2), row.GetFieldValue<string[]>(3),
        row.GetString(4), row.GetString(5), row.GetInt32(6));
}
