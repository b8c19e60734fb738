using Npgsql;
using NpgsqlTypes;

namespace EmailService.Record;

/// <summary>An address to which an account's mail is not sent.</summary>
/// <param name="Reason">As the reply rules name it.</param>
/// <param name="MessageId">The mail that was refused.</param>
/// <param name="Since">Nothing is sent from then on.</param>
public sealed record Suppression(string Email, string Reason, string Reply, string MessageId, DateTimeOffset Since);

/// <summary>The table <c>suppressions</c>, for whoever looks and lifts. It is written with the outcome that leads to it
/// (<see cref="LedgerStore"/>), and asked where mail is accepted and claimed.</summary>
public sealed class SuppressionStore(NpgsqlDataSource db)
{
    // Primary key.
    private const string ListSql = """
        SELECT address, reason, reply, message_id, since FROM suppressions
         WHERE account_id = $1 AND since IS NOT NULL AND address > $2 AND ($3::text IS NULL OR address = lower($3))
         ORDER BY address LIMIT $4
        """;

    /// <summary>A page in the order of addresses.</summary>
    /// <param name="accountId">Whose.</param>
    /// <param name="after">Go on behind this address.</param>
    /// <param name="email">Only this one; null for all.</param>
    /// <param name="limit">So many at most.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public async Task<IReadOnlyList<Suppression>> ListAsync(int accountId, string after, string? email, int limit, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(ListSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = (object?)email ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var found = new List<Suppression>();
        while (await row.ReadAsync(cancellation))
        {
            found.Add(new Suppression(
                row.GetString(0), row.GetString(1), row.GetString(2), new Messages.MessageId(row.GetGuid(3)).ToString(), row.GetFieldValue<DateTimeOffset>(4)));
        }

        return found;
    }

    private const string RemoveSql = "DELETE FROM suppressions WHERE account_id = $1 AND address = lower($2) AND since IS NOT NULL";

    /// <summary>The next mail to the address is sent. False if it was not suppressed.</summary>
    public async Task<bool> RemoveAsync(int accountId, string email, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(RemoveSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = email });
        return await command.ExecuteNonQueryAsync(cancellation) > 0;
    }
}
