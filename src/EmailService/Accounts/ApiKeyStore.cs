using Dapper;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Accounts;

/// <summary>A key as it can be shown: all but its secret.</summary>
/// <param name="Operator">Whether it sees and steers the whole service.</param>
/// <param name="LastUsedAt">To the minute; null if it was never used.</param>
public sealed record ApiKeyInfo(
    string Id, string Name, bool Operator, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, DateTimeOffset? RevokedAt);

/// <summary>Writes the table <c>api_keys</c>. Look-ups are served by its primary key.</summary>
internal sealed class ApiKeyStore(NpgsqlDataSource database)
{
    private const string FindSql = "SELECT account_id, secret_hash, operator FROM api_keys WHERE id = $1 AND revoked_at IS NULL";

    public async Task<KnownKey?> FindAsync(string id, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation)
            ? new KnownKey(reader.GetInt32(0), id, reader.GetFieldValue<byte[]>(1), reader.GetBoolean(2))
            : null;
    }

    // Index api_keys_working.
    private const string AddSql = """
        INSERT INTO api_keys (id, account_id, name, secret_hash, operator, created_at)
        SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM api_keys WHERE account_id = $2 AND revoked_at IS NULL) < $7
        """;

    /// <summary>False, and no key, if the account has as many that work as it may have.</summary>
    /// <param name="most">So many.</param>
    public async Task<bool> AddAsync(
        string id, int accountId, string name, byte[] hash, bool isOperator, DateTimeOffset now, int most, CancellationToken cancellation)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(AccountStore.LockCommand(accountId));
        batch.BatchCommands.Add(new(AddSql)
        {
            Parameters =
            {
                new() { Value = id }, new() { Value = accountId }, new() { Value = name }, new() { Value = hash }, new() { Value = isOperator },
                new() { Value = now.UtcDateTime }, new() { Value = (long)most },
            },
        });
        await batch.ExecuteNonQueryAsync(cancellation);
        return batch.BatchCommands[1].RecordsAffected > 0;
    }

    private const string RevokeSql = """
        UPDATE api_keys SET revoked_at = @now
         WHERE id = @id AND account_id = @accountId AND revoked_at IS NULL AND (@operators OR NOT operator)
        """;

    /// <param name="operators">Whether an operator's key may be meant.</param>
    public async Task<bool> RevokeAsync(int accountId, string id, bool operators, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return await connection.ExecuteAsync(new CommandDefinition(
            RevokeSql, new { id, accountId, operators, now = now.UtcDateTime }, cancellationToken: cancellation)) > 0;
    }

    // The key that stays must be one that works, or a misspelt id would leave none. Index api_keys_newest.
    private const string RevokeOthersSql = """
        UPDATE api_keys SET revoked_at = @now
         WHERE account_id = @accountId AND id <> @keep AND revoked_at IS NULL AND (@operators OR NOT operator)
           AND EXISTS (SELECT FROM api_keys WHERE id = @keep AND account_id = @accountId AND revoked_at IS NULL)
        RETURNING id
        """;

    /// <summary>Revokes all keys of the account but one. Returns the ids of those that worked until now.</summary>
    /// <param name="operators">Whether operators' keys are revoked too.</param>
    public async Task<IReadOnlyList<string>> RevokeOthersAsync(int accountId, string keep, bool operators, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return [.. await connection.QueryAsync<string>(new CommandDefinition(
            RevokeOthersSql, new { accountId, keep, operators, now = now.UtcDateTime }, cancellationToken: cancellation))];
    }

    private const string CountOperatorsSql =
        "SELECT count(*) FROM api_keys WHERE account_id = $1 AND id <> $2 AND revoked_at IS NULL AND operator";

    /// <summary>How many operators' keys of the account work, not counting one. Index <c>api_keys_newest</c>.</summary>
    public async Task<int> CountOperatorsAsync(int accountId, string butId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(CountOperatorsSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = butId });
        return (int)(long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    // Index api_keys_newest.
    private const string ListSql = """
        SELECT id, name, operator, created_at, last_used_at, revoked_at
          FROM api_keys
         WHERE account_id = $1
           AND ($2::text IS NULL OR (created_at, id) < (SELECT created_at, id FROM api_keys WHERE id = $2 AND account_id = $1))
         ORDER BY created_at DESC, id DESC LIMIT $3
        """;

    /// <summary>The newest first.</summary>
    /// <param name="after">The id of the last key of the page before; null for the first page.</param>
    public async Task<IReadOnlyList<ApiKeyInfo>> ListAsync(int accountId, string? after, int limit, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(ListSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text, Value = (object?)after ?? DBNull.Value });
        command.Parameters.Add(new() { Value = limit });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var keys = new List<ApiKeyInfo>();
        while (await reader.ReadAsync(cancellation))
        {
            keys.Add(new ApiKeyInfo(reader.GetString(0), reader.GetString(1), reader.GetBoolean(2), reader.GetFieldValue<DateTimeOffset>(3), Time(4), Time(5)));
        }

        return keys;

        DateTimeOffset? Time(int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);
    }

    // In the order of the ids, so that two nodes which store the same keys wait for each other and do not lock each other out.
    private const string UsedSql = """
        WITH used AS (
            SELECT k.id, u.at
              FROM unnest($1::text[], $2::timestamptz[]) AS u (id, at) JOIN api_keys AS k ON k.id = u.id
             WHERE k.last_used_at IS NULL OR k.last_used_at < u.at
             ORDER BY k.id FOR NO KEY UPDATE OF k)
        UPDATE api_keys AS k SET last_used_at = used.at FROM used WHERE k.id = used.id
        """;

    /// <summary>Stores when keys were last used; what is stored already and is later stays.</summary>
    public async Task SetUsedAsync(IReadOnlyList<(string Id, DateTimeOffset At)> uses, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(UsedSql);
        command.Parameters.Add(uses.TextColumn(use => use.Id));
        command.Parameters.Add(uses.Column(use => use.At.UtcDateTime));
        await command.ExecuteNonQueryAsync(cancellation);
    }
}

/// <summary>What the hot path needs of a key. It also serves as the caller of a request, so that none is made anew.</summary>
internal sealed record KnownKey(int AccountId, string Id, byte[] SecretHash, bool IsOperator)
{
    private long notedMinute;

    /// <summary>Whether this is the first time that somebody asks in this minute: a key that is used a thousand times a second
    /// is noted once a minute, by a comparison the other times.</summary>
    public bool IsFirstOf(long minute)
    {
        if (Volatile.Read(ref notedMinute) == minute)
        {
            return false;
        }

        Volatile.Write(ref notedMinute, minute);
        return true;
    }
}
