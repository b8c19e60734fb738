using System.Text.Json;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Platform.Http;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Accounts;

/// <summary>Writes the table <c>domains</c>. Its unique index on (account_id, name) serves every look-up.</summary>
internal sealed class DomainStore(NpgsqlDataSource database, DeliveryMode mode)
{
    private const string Columns =
        "id, account_id, name, state, dkim_selector, dkim_private_key, return_path, created_at, verified_at, checked_at, check_result::text, failed_checks, failing_since";

    private readonly SigningKeys keys = new();

    // A verified parent goes before a subdomain that is not verified yet: adding one must not stop what was working.
    private const string FindSql = $"""
        SELECT {Columns} FROM domains WHERE account_id = $1 AND name = ANY ($2)
         ORDER BY (state = 'verified') DESC, length(name) DESC LIMIT 1
        """;

    /// <summary>The best of some names: verified first, then the longest.</summary>
    public async Task<SendingDomain?> FindAsync(int accountId, string[] names, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = names });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? Read(reader) : null;
    }

    /// <summary>Domains of one account, however they are added: the list shows them all.</summary>
    public const int MostOfAccount = 1000;

    private static readonly string listSql = $"SELECT {Columns} FROM domains WHERE account_id = $1 ORDER BY name LIMIT {MostOfAccount}";

    public async Task<IReadOnlyList<SendingDomain>> ListAsync(int accountId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(listSql);
        command.Parameters.Add(new() { Value = accountId });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var domains = new List<SendingDomain>();
        while (await reader.ReadAsync(cancellation))
        {
            domains.Add(Read(reader));
        }

        return domains;
    }

    private const string CountSql = "SELECT count(*) FROM domains WHERE account_id = $1";

    public async Task<int> CountAsync(int accountId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(CountSql);
        command.Parameters.Add(new() { Value = accountId });
        return (int)(long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private const string AddSql = $"""
        INSERT INTO domains (account_id, name, state, dkim_selector, dkim_private_key, return_path, created_at, verified_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, CASE WHEN $3 = 'verified' THEN $7 END
         WHERE (SELECT count(*) FROM domains WHERE account_id = $1) < $8
        ON CONFLICT (account_id, name) DO NOTHING
        RETURNING {Columns}
        """;

    /// <summary>Null if the account has it already, or has <see cref="MostOfAccount"/>.</summary>
    public async Task<SendingDomain?> AddAsync(NewDomain domain, CancellationToken cancellation)
    {
        var command = new NpgsqlBatchCommand(AddSql);
        command.Parameters.Add(new() { Value = domain.AccountId });
        command.Parameters.Add(new() { Value = domain.Name });
        command.Parameters.Add(new() { Value = domain.Verified ? "verified" : "pending", NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = domain.Selector });
        command.Parameters.Add(new() { Value = domain.Pkcs8 });
        command.Parameters.Add(new() { Value = domain.ReturnPath });
        command.Parameters.Add(new() { Value = domain.CreatedAt.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = (long)MostOfAccount });
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(AccountStore.LockCommand(domain.AccountId));
        batch.BatchCommands.Add(command);
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? Read(reader) : null;
    }

    private const string CheckedSql = $"""
        UPDATE domains
           SET checked_at = $3, check_result = $4,
               state = CASE WHEN $5 THEN 'verified' ELSE state END,
               failed_checks = CASE WHEN $5 THEN 0 ELSE failed_checks END,
               failing_since = CASE WHEN $5 THEN NULL ELSE failing_since END,
               verified_at = CASE WHEN $5 THEN coalesce(verified_at, $3) ELSE verified_at END
         WHERE account_id = $1 AND id = $2
        RETURNING {Columns}
        """;

    /// <summary>Writes down what a check found, and verifies the domain if it was good; otherwise the state stays as it is.</summary>
    public async Task<SendingDomain?> SetCheckedAsync(
        SendingDomain domain, bool isGood, string result, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(CheckedSql);
        command.Parameters.Add(new() { Value = domain.AccountId });
        command.Parameters.Add(new() { Value = domain.Id });
        command.Parameters.Add(new() { Value = now.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = result, NpgsqlDbType = NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = isGood });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? Read(reader) : null;
    }

    private const string ListVerifiedSql = $"SELECT {Columns} FROM domains WHERE state = 'verified' AND name <> $1 ORDER BY checked_at NULLS FIRST LIMIT 100000";

    /// <summary>Those of all accounts, but for one name; the one whose check is longest ago first.</summary>
    public async Task<IReadOnlyList<SendingDomain>> ListVerifiedAsync(string without, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(ListVerifiedSql);
        command.Parameters.Add(new() { Value = without });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var domains = new List<SendingDomain>();
        while (await reader.ReadAsync(cancellation))
        {
            domains.Add(Read(reader));
        }

        return domains;
    }

    // Not if somebody has had it checked since we looked: that is newer. The event, if there is one, commits with the change.
    private const string RecheckedSql = """
        WITH changed AS (
            UPDATE domains
               SET checked_at = $3, check_result = $4, failed_checks = $5, failing_since = $6, state = CASE WHEN $7 THEN 'verified' ELSE 'pending' END
             WHERE id = $1 AND state = 'verified' AND checked_at IS NOT DISTINCT FROM $2
            RETURNING account_id, name)
        INSERT INTO events (message_id, n, account_id, kind, at, address, detail)
        SELECT $8, 0, account_id, $9, $3, name, $10 FROM changed WHERE $9 IS NOT NULL
        """;

    /// <summary>Writes down what a daily check found of a verified domain.</summary>
    public async Task SetRecheckedAsync(SendingDomain domain, Recheck found, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(RecheckedSql);
        command.Parameters.Add(new() { Value = domain.Id });
        command.Parameters.Add(new() { Value = (object?)domain.CheckedAt?.UtcDateTime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = now.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = found.Result, NpgsqlDbType = NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = found.FailedChecks });
        command.Parameters.Add(new() { Value = (object?)found.FailingSince?.UtcDateTime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = found.Verified });
        // Partitions go by the id, so it has the time in it; no message has this one.
        command.Parameters.Add(new() { Value = MessageId.NewRequest(now).Value });
        command.Parameters.Add(new() { Value = (object?)found.Event?.ToName() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new()
        {
            Value = JsonSerializer.Serialize(new { found.Problem, Since = found.FailingSince }, ApiJson.Options),
            NpgsqlDbType = NpgsqlDbType.Jsonb,
        });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private const string RemoveSql = "DELETE FROM domains WHERE account_id = $1 AND name = $2";

    public async Task<bool> RemoveAsync(int accountId, string name, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(RemoveSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteNonQueryAsync(cancellation) > 0;
    }

    private SendingDomain Read(NpgsqlDataReader row)
    {
        var (id, name, selector) = (row.GetInt64(0), row.GetString(2), row.GetString(4));
        var (signer, record) = keys.For(id, name, selector, row.GetFieldValue<byte[]>(5));
        return new SendingDomain
        {
            Id = id,
            AccountId = row.GetInt32(1),
            Name = name,
            // Nobody can own demo.example, so no mail of it may reach a mail host.
            Verified = row.GetString(3) == "verified" && !(mode.Live && name == SendingDomains.DemoName),
            DkimSelector = selector,
            Signer = signer,
            DkimRecord = record,
            ReturnPath = row.GetString(6),
            CreatedAt = row.GetFieldValue<DateTimeOffset>(7),
            VerifiedAt = Time(8),
            CheckedAt = Time(9),
            CheckResult = row.IsDBNull(10) ? null : row.GetString(10),
            FailedChecks = row.GetInt32(11),
            FailingSince = Time(12),
        };

        DateTimeOffset? Time(int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
    }
}

/// <summary>A domain about to be added.</summary>
internal sealed record NewDomain(
    int AccountId, string Name, bool Verified, string Selector, byte[] Pkcs8, string ReturnPath, DateTimeOffset CreatedAt);

/// <summary>What a daily check of a verified domain came to.</summary>
/// <param name="FailedChecks">In a row.</param>
/// <param name="Verified">False: it is no longer.</param>
/// <param name="Result">All records, as stored.</param>
/// <param name="Event">What the account is told, or null.</param>
/// <param name="Problem">What is missing or wrong.</param>
internal sealed record Recheck(int FailedChecks, DateTimeOffset? FailingSince, bool Verified, string Result, EventKind? Event = null, string? Problem = null);
