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

    private const string AddSql = """
        INSERT INTO inbox (received_at, reverse_path, recipients, from_header, subject, data)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
        """;

    /// <summary>Returns once the mail is committed.</summary>
    public async Task<long> AddAsync(
        DateTimeOffset receivedAt, string reversePath, IReadOnlyList<string> recipients, string from, string subject,
        ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(AddSql);
        command.Parameters.Add(new() { Value = receivedAt.ToUniversalTime() });
        command.Parameters.Add(new() { Value = Storable(reversePath) });
        command.Parameters.Add(new() { Value = recipients.Select(Storable).ToArray() });
        command.Parameters.Add(new() { Value = Storable(from) });
        command.Parameters.Add(new() { Value = Storable(subject) });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bytea, Value = data });
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    // The primary key, backward. A field of the header may be megabytes long: a list has the beginning of it, and of the recipients.
    private const string ListSql = """
        SELECT id, received_at, left(reverse_path, 1000), recipients[1:100], left(from_header, 1000), left(subject, 1000), octet_length(data)
          FROM inbox
         WHERE id < $1 AND ($2::text IS NULL OR lower($2) IN (SELECT lower(address) FROM unnest(recipients) AS address))
         ORDER BY id DESC LIMIT $3
        """;

    /// <summary>The newest first.</summary>
    /// <param name="before">Only those before this id.</param>
    /// <param name="to">Only those to this recipient, in any case; null for all.</param>
    /// <param name="limit">The most to return.</param>
    /// <param name="cancel">Ends the reading.</param>
    public async Task<IReadOnlyList<InboxEntry>> ListAsync(long before, string? to, int limit, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(ListSql);
        command.Parameters.Add(new() { Value = before });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)to ?? DBNull.Value });
        command.Parameters.Add(new() { Value = limit });
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
          FROM inbox WHERE id = $1
        """;

    public async Task<(InboxEntry Entry, byte[] Data)?> FindAsync(long id, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.Add(new() { Value = id });
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
