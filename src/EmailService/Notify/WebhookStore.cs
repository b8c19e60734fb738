using EmailService.Accounts;
using EmailService.Messages;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Notify;

/// <summary>Webhooks as settings: what <c>/v1/webhooks</c> shows and changes.</summary>
internal sealed class WebhookStore(NpgsqlDataSource database, NotifyOptions options, TimeProvider time)
{
    /// <summary>The kinds of a webhook that names none: those that SendGrid knows too.</summary>
    public static readonly string[] DefaultKinds =
        [.. Enum.GetValues<EventKind>().Where(kind => kind is not (EventKind.Accepted or EventKind.Unknown) && !kind.IsAboutDomain()).Select(Names.ToName)];

    // Starts at the present end of the log. Whatever commits from now on has a transaction id that is not below the
    // oldest running one, so nothing later is missed; at most a few events of the last moments come along.
    private const string AddSql = """
        INSERT INTO webhooks (account_id, url, enabled, kinds, private_key, public_key, created_at, cursor_xact, cursor_id)
        SELECT $1, $2, $3, $4, $5, $6, $7, pg_snapshot_xmin(pg_current_snapshot()), 0
         WHERE (SELECT count(*) FROM webhooks WHERE account_id = $1) < $8
        RETURNING id, url, enabled, kinds, public_key, created_at, failures, next_try_at
        """;

    /// <summary>Null when the account has all that it may have.</summary>
    /// <exception cref="UrlTakenException">The account has one for this URL.</exception>
    public async Task<Webhook?> AddAsync(int accountId, string url, string[] kinds, bool enabled, CancellationToken cancellationToken)
    {
        var (privateKey, publicKey) = WebhookSignature.NewKey();
        var command = new NpgsqlBatchCommand(AddSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = url });
        command.Parameters.Add(new() { Value = enabled });
        command.Parameters.Add(new() { Value = kinds });
        command.Parameters.Add(new() { Value = privateKey });
        command.Parameters.Add(new() { Value = publicKey });
        command.Parameters.Add(new() { Value = time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new() { Value = options.MaxPerAccount });
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(AccountStore.LockCommand(accountId));
        batch.BatchCommands.Add(command);
        try
        {
            await using var row = await batch.ExecuteReaderAsync(cancellationToken);
            await row.NextResultAsync(cancellationToken);
            return await row.ReadAsync(cancellationToken) ? Read(row) : null;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new UrlTakenException(url, e);
        }
    }

    private const string ListSql = """
        SELECT id, url, enabled, kinds, public_key, created_at, failures, next_try_at
          FROM webhooks WHERE account_id = $1 ORDER BY id
        """;

    public async Task<List<Webhook>> ListAsync(int accountId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(ListSql);
        command.Parameters.Add(new() { Value = accountId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var webhooks = new List<Webhook>();
        while (await row.ReadAsync(cancellationToken))
        {
            webhooks.Add(Read(row));
        }

        return webhooks;
    }

    private const string FindSql = """
        SELECT id, url, enabled, kinds, public_key, created_at, failures, next_try_at
          FROM webhooks WHERE id = $2 AND account_id = $1
        """;

    public async Task<Webhook?> FindAsync(int accountId, long id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(FindSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = id });
        return await OneAsync(command, "", cancellationToken);
    }

    // A new address, or being switched on, is worth a try at once. The cursor stays: what was not sent before is sent now.
    private const string ChangeSql = """
        UPDATE webhooks
           SET url = coalesce($3, url), kinds = coalesce($4, kinds), enabled = coalesce($5, enabled),
               failures = CASE WHEN $3 <> url OR ($5 AND NOT enabled) THEN 0 ELSE failures END,
               next_try_at = CASE WHEN $3 <> url OR ($5 AND NOT enabled) THEN NULL ELSE next_try_at END
         WHERE id = $2 AND account_id = $1
        RETURNING id, url, enabled, kinds, public_key, created_at, failures, next_try_at
        """;

    /// <exception cref="UrlTakenException">The account has another one for this URL.</exception>
    public async Task<Webhook?> ChangeAsync(int accountId, long id, WebhookChange change, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(ChangeSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = (object?)change.Url ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)change.Kinds ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)change.Enabled ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Boolean });
        return await OneAsync(command, change.Url ?? "", cancellationToken);
    }

    private const string RemoveSql = "DELETE FROM webhooks WHERE id = $2 AND account_id = $1";

    /// <summary>With its log of deliveries. Its events stay in the log and in the pull feed.</summary>
    public async Task<bool> RemoveAsync(int accountId, long id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(RemoveSql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = id });
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    private const string PrivateKeySql = "SELECT private_key FROM webhooks WHERE id = $2 AND account_id = $1";

    public async Task<byte[]?> PrivateKeyAsync(int accountId, long id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(PrivateKeySql);
        command.Parameters.Add(new() { Value = accountId });
        command.Parameters.Add(new() { Value = id });
        return (byte[]?)await command.ExecuteScalarAsync(cancellationToken);
    }

    // Served by webhook_deliveries_recent.
    private const string DeliveriesSql = """
        SELECT d.id, d.at, d.duration_ms, d.event_count, d.first_event, d.last_event, d.outcome, d.status_code, d.error
          FROM webhook_deliveries AS d
         WHERE d.webhook_id = $1 AND d.id < $2
         ORDER BY d.id DESC
         LIMIT $3
        """;

    /// <summary>The latest first.</summary>
    public async Task<List<Delivery>> DeliveriesAsync(long webhookId, long before, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(DeliveriesSql);
        command.Parameters.Add(new() { Value = webhookId });
        command.Parameters.Add(new() { Value = before });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var deliveries = new List<Delivery>();
        while (await row.ReadAsync(cancellationToken))
        {
            deliveries.Add(new Delivery
            {
                Id = row.GetInt64(0),
                At = row.GetFieldValue<DateTimeOffset>(1),
                DurationMs = row.GetInt32(2),
                EventCount = row.GetInt32(3),
                FirstEvent = row.GetInt64(4),
                LastEvent = row.GetInt64(5),
                Outcome = row.GetString(6),
                StatusCode = row.IsDBNull(7) ? null : row.GetInt32(7),
                Error = row.IsDBNull(8) ? null : row.GetString(8),
            });
        }

        return deliveries;
    }

    private static async Task<Webhook?> OneAsync(NpgsqlCommand command, string url, CancellationToken cancellationToken)
    {
        try
        {
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            return await row.ReadAsync(cancellationToken) ? Read(row) : null;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new UrlTakenException(url, e);
        }
    }

    private static Webhook Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetInt64(0),
        Url = row.GetString(1),
        Enabled = row.GetBoolean(2),
        Kinds = row.GetFieldValue<string[]>(3),
        PublicKey = row.GetFieldValue<byte[]>(4),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(5),
        Failures = row.GetInt32(6),
        NextTryAt = row.IsDBNull(7) ? null : row.GetFieldValue<DateTimeOffset>(7),
    };
}

/// <summary>One account, one webhook for a URL: two would only send everything twice.</summary>
internal sealed class UrlTakenException(string url, Exception inner)
    : Exception($"Webhook at '{url}' already exists. Please provide a unique URL.", inner);
