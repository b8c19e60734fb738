using EmailService.Outbox;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Steer;

/// <summary>What is asked for: an overlay before it has a row.</summary>
/// <param name="Factor">For <see cref="OverlayKind.LowerRate"/>.</param>
/// <param name="Route">For <see cref="OverlayKind.Reroute"/>.</param>
public sealed record OverlayWish(OverlayKind Kind, OverlayScope Scope, DateTimeOffset Until, double? Factor = null, string? Route = null)
{
    /// <summary>The API key that asks; null for a rule and for the command line.</summary>
    public string? KeyId { get; init; }

    /// <summary>Whose key that is, or whose mail's refusal set the rule off: the account in whose share of the table it falls.
    /// Null for the command line, which has all of it.</summary>
    public int? ByAccount { get; init; }
}

/// <summary>The table <c>overlays</c>.</summary>
public sealed class OverlayStore(NpgsqlDataSource db, HeldStore held)
{
    /// <summary>In force at most, for all nodes: what each keeps in memory and reads every second.</summary>
    public const int Most = 10_000;

    /// <summary>In force at most by the keys and the mail of one account: an account whose mail goes to thousands of hosts that say what a
    /// rule asks for must not take the places of the others.</summary>
    public const int MostOfAccount = 1_000;

    /// <summary>In force at most by rules: the rest of the places is the operators'.</summary>
    public const int MostByRules = 9_000;

    /// <summary>What nodes listen to.</summary>
    public const string Channel = "overlays";

    /// <summary>However often a rule lowers a rate that is lowered: below this nothing would ever leave.</summary>
    public const double LeastFactor = 0.05;

    private const string Columns = "id, kind, lane, source, domain, account_id, factor, route, until, origin, rule, reply, created_at, changed_at, key_id";

    private const string InForceSql = $"SELECT {Columns} FROM overlays WHERE until > $1 ORDER BY id LIMIT $2";

    /// <summary>All that are in force.</summary>
    public async Task<IReadOnlyList<Overlay>> InForceAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await using var connection = await db.OpenConnectionAsync(cancellation);
        return await InForceAsync(connection, now, cancellation);
    }

    /// <summary>The same on a connection that is there already.</summary>
    public static async Task<IReadOnlyList<Overlay>> InForceAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(InForceSql, connection);
        command.Parameters.Add(Time(now));
        command.Parameters.Add(new() { Value = Most });
        return await ReadAsync(command, cancellation);
    }

    // A rate that is lowered already is lowered once more, if the reply came to an attempt that began under the lower one: not by
    // what other nodes heard in the same moment. Ended ones are replaced as if they were gone. What is there already may last longer
    // also when no new one may come. Indexes: the primary key, overlays_by_account, and that of the scope.
    private const string ImposeByReplySql = $"""
        WITH imposed AS (
            INSERT INTO overlays AS o (kind, lane, source, factor, until, origin, rule, reply, created_at, changed_at, by_account)
            SELECT $1, $2, $3, $4, $5, 'reply', $6, $7, $8, $8, $12
             WHERE ((SELECT count(*) FROM overlays) < $11 AND (SELECT count(*) FROM overlays WHERE by_account = $12) < $13)
                OR EXISTS (SELECT FROM overlays WHERE origin = 'reply' AND kind = $1 AND lane IS NOT DISTINCT FROM $2
                              AND source IS NOT DISTINCT FROM $3 AND domain IS NULL AND account_id IS NULL)
                ON CONFLICT (origin, kind, lane, source, domain, account_id) DO UPDATE
               SET until = greatest(o.until, excluded.until), rule = excluded.rule, reply = excluded.reply, changed_at = excluded.changed_at,
                   created_at = CASE WHEN o.until <= $8 THEN excluded.created_at ELSE o.created_at END,
                   factor = CASE WHEN o.until <= $8 THEN excluded.factor
                                 WHEN o.changed_at <= $9 THEN greatest($10, o.factor * excluded.factor)
                                 ELSE o.factor END
            RETURNING *),
        told AS (SELECT pg_notify('{Channel}', '') FROM imposed)
        SELECT {Columns} FROM imposed, told
        """;

    /// <summary>Imposes what a rule asks for, or makes what it imposed before last longer. Null when there are too many.</summary>
    /// <param name="wish">With lane, and source if it is about one.</param>
    /// <param name="rule">The rule's name.</param>
    /// <param name="reply">The host's reply, on one line.</param>
    /// <param name="startedAt">When the attempt began that the reply came to.</param>
    /// <param name="now">The present.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<Overlay?> ImposeAsync(OverlayWish wish, string rule, string reply, DateTimeOffset startedAt, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(ImposeByReplySql);
        command.Parameters.Add(Text(wish.Kind.ToName()));
        command.Parameters.Add(Text(wish.Scope.Lane));
        command.Parameters.Add(Text(wish.Scope.Source));
        command.Parameters.Add(Number(wish.Factor));
        command.Parameters.Add(Time(wish.Until));
        command.Parameters.Add(Text(rule));
        command.Parameters.Add(Text(reply));
        command.Parameters.Add(Time(now));
        command.Parameters.Add(Time(startedAt));
        command.Parameters.Add(Number(LeastFactor));
        command.Parameters.Add(new() { Value = MostByRules });
        command.Parameters.Add(Account(wish.ByAccount));
        command.Parameters.Add(new() { Value = MostOfAccount });
        return (await ReadAsync(command, cancellation)).SingleOrDefault();
    }

    private const string ImposeByOperatorSql = $"""
        WITH imposed AS (
            INSERT INTO overlays (kind, lane, source, domain, account_id, factor, route, until, origin, created_at, changed_at, key_id, by_account)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, 'operator', $9, $9, $11, $12
             WHERE (SELECT count(*) FROM overlays) < $10 AND (SELECT count(*) FROM overlays WHERE by_account = $12) < $13
            RETURNING *),
        told AS (SELECT pg_notify('{Channel}', '') FROM imposed)
        SELECT {Columns} FROM imposed, told
        """;

    /// <summary>Imposes what an operator asks for, in place of what the operator imposed on the same scope before. Null when there are too many.</summary>
    public async Task<Overlay?> ImposeAsync(OverlayWish wish, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var connection = await db.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await LiftAsync(connection, OfScopeSql, now, cancellation, Text(wish.Kind.ToName()), Text(wish.Scope.Lane), Text(wish.Scope.Source), Text(wish.Scope.Domain), Account(wish.Scope.AccountId), Text("operator"));
        await using var command = new NpgsqlCommand(ImposeByOperatorSql, connection);
        command.Parameters.Add(Text(wish.Kind.ToName()));
        command.Parameters.Add(Text(wish.Scope.Lane));
        command.Parameters.Add(Text(wish.Scope.Source));
        command.Parameters.Add(Text(wish.Scope.Domain));
        command.Parameters.Add(Account(wish.Scope.AccountId));
        command.Parameters.Add(Number(wish.Factor));
        command.Parameters.Add(Text(wish.Route));
        command.Parameters.Add(Time(wish.Until));
        command.Parameters.Add(Time(now));
        command.Parameters.Add(new() { Value = Most });
        command.Parameters.Add(Text(wish.KeyId));
        command.Parameters.Add(Account(wish.ByAccount));
        command.Parameters.Add(new() { Value = MostOfAccount });
        var imposed = (await ReadAsync(command, cancellation)).SingleOrDefault();
        if (imposed is not null)
        {
            await transaction.CommitAsync(cancellation);
        }

        // Else the one before stays: the place that it leaves need not be the caller's.
        return imposed;
    }

    private const string OfIdSql = $"DELETE FROM overlays WHERE id = $1 RETURNING {Columns}";

    private const string OfScopeSql = $"""
        DELETE FROM overlays
         WHERE kind = $1 AND lane IS NOT DISTINCT FROM $2 AND source IS NOT DISTINCT FROM $3 AND domain IS NOT DISTINCT FROM $4
           AND account_id IS NOT DISTINCT FROM $5 AND ($6::text IS NULL OR origin = $6)
        RETURNING {Columns}
        """;

    private const string EndedSql = $"DELETE FROM overlays WHERE until <= $1 RETURNING {Columns}";

    /// <summary>Lifts one. What it kept back is due at once. Null when there is none of that id.</summary>
    public async Task<Overlay?> LiftAsync(long id, DateTimeOffset now, CancellationToken cancellation) =>
        (await LiftAsync(OfIdSql, now, cancellation, new NpgsqlParameter { Value = id })).SingleOrDefault();

    /// <summary>Lifts those of a kind that lie over just this scope, whoever imposed them.</summary>
    public Task<IReadOnlyList<Overlay>> LiftAsync(OverlayKind kind, OverlayScope scope, DateTimeOffset now, CancellationToken cancellation) =>
        LiftAsync(OfScopeSql, now, cancellation, Text(kind.ToName()), Text(scope.Lane), Text(scope.Source), Text(scope.Domain), Account(scope.AccountId), Text(null));

    /// <summary>Removes those whose time is over. What they kept back is due since then, and is not touched: it may be a million rows, and every
    /// node waits for this before it looks for new overlays.</summary>
    public async Task<IReadOnlyList<Overlay>> RemoveEndedAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(EndedSql);
        command.Parameters.Add(Time(now));
        return await ReadAsync(command, cancellation);
    }

    private async Task<IReadOnlyList<Overlay>> LiftAsync(string sql, DateTimeOffset now, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
        await using var connection = await db.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var lifted = await LiftAsync(connection, sql, now, cancellation, parameters);
        await transaction.CommitAsync(cancellation);
        return lifted;
    }

    // The rows first: whoever holds something back for them holds a lock on them until that is committed (HeldStore), so what is
    // released after is all there is.
    private async Task<IReadOnlyList<Overlay>> LiftAsync(
        NpgsqlConnection connection, string sql, DateTimeOffset now, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
#pragma warning disable CA2100 // One of the constants above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        command.Parameters.AddRange(parameters);
        var lifted = await ReadAsync(command, cancellation);
        if (lifted.Count > 0)
        {
            await held.ReleaseAsync(connection, [.. lifted.Select(o => o.Id)], now, cancellation);
            await using var tell = new NpgsqlCommand($"NOTIFY {Channel}", connection);
            await tell.ExecuteNonQueryAsync(cancellation);
        }

        return lifted;
    }

    private static async Task<IReadOnlyList<Overlay>> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var row = await command.ExecuteReaderAsync(cancellation);
        var overlays = new List<Overlay>();
        while (await row.ReadAsync(cancellation))
        {
            overlays.Add(new Overlay
            {
                Id = row.GetInt64(0),
                Kind = OverlayNames.KindOf(row.GetString(1)),
                Scope = new OverlayScope(TextOf(2), TextOf(3), TextOf(4), row.IsDBNull(5) ? null : row.GetInt32(5)),
                Factor = row.IsDBNull(6) ? 1 : row.GetDouble(6),
                Route = TextOf(7),
                Until = row.GetFieldValue<DateTimeOffset>(8),
                Origin = OverlayNames.OriginOf(row.GetString(9)),
                Rule = TextOf(10),
                Reply = TextOf(11),
                CreatedAt = row.GetFieldValue<DateTimeOffset>(12),
                ChangedAt = row.GetFieldValue<DateTimeOffset>(13),
                KeyId = TextOf(14),
            });
        }

        return overlays;

        string? TextOf(int column) => row.IsDBNull(column) ? null : row.GetString(column);
    }

    private static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Number(double? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double };

    private static NpgsqlParameter Account(int? id) => new() { Value = (object?)id ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Integer };

    private static NpgsqlParameter Time(DateTimeOffset value) => new() { Value = value.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
