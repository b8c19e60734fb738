using Dapper;
using Npgsql;

namespace EmailService.Accounts;

/// <summary>A key as it can be shown: all but its secret.</summary>
public sealed record ApiKeyInfo(string Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt);

/// <summary>Writes the table <c>api_keys</c>. Look-ups are served by its primary key.</summary>
internal sealed class ApiKeyStore(NpgsqlDataSource database)
{
    private const string FindSql = "SELECT account_id, secret_hash FROM api_keys WHERE id = $1 AND revoked_at IS NULL";

    public async Task<KnownKey?> FindAsync(string id, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new KnownKey(reader.GetInt32(0), id, reader.GetFieldValue<byte[]>(1))
            : null;
    }

    private const string AddSql =
        "INSERT INTO api_keys (id, account_id, name, secret_hash, created_at) VALUES (@id, @accountId, @name, @hash, @now)";

    public async Task AddAsync(string id, int accountId, string name, byte[] hash, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(new CommandDefinition(AddSql, new { id, accountId, name, hash, now = now.UtcDateTime }, cancellationToken: cancellation));
    }

    private const string RevokeSql =
        "UPDATE api_keys SET revoked_at = @now WHERE id = @id AND account_id = @accountId AND revoked_at IS NULL";

    public async Task<bool> RevokeAsync(int accountId, string id, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return await connection.ExecuteAsync(new CommandDefinition(RevokeSql, new { id, accountId, now = now.UtcDateTime }, cancellationToken: cancellation)) > 0;
    }

    private const string ListSql = """
        SELECT id, name, created_at, revoked_at FROM api_keys WHERE account_id = $1 ORDER BY created_at, id LIMIT 1000
        """;

    public async Task<IReadOnlyList<ApiKeyInfo>> ListAsync(int accountId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(ListSql);
        command.Parameters.Add(new() { Value = accountId });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var keys = new List<ApiKeyInfo>();
        while (await reader.ReadAsync(cancellation))
        {
            keys.Add(new ApiKeyInfo(reader.GetString(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2),
                reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3)));
        }

        return keys;
    }
}

/// <summary>What the hot path needs of a key. It also serves as the caller of a request, so that none is made anew.</summary>
internal sealed record KnownKey(int AccountId, string Id, byte[] SecretHash);
