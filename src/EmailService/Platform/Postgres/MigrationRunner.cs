using Npgsql;

namespace EmailService.Platform;

/// <summary>Brings a database to the state this program expects: forward only, one transaction per file, one process at
/// a time. Refuses a database that a newer program has touched, and a file that changed after it was applied.</summary>
public static class MigrationRunner
{
    // Any constant will do, as long as all versions of the program agree on it.
    private const string LockSql = "SELECT pg_advisory_lock(5170338811204)";

    private const string UnlockSql = "SELECT pg_advisory_unlock(5170338811204)";

    private const string CreateSql = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            number     int PRIMARY KEY,
            name       text NOT NULL,
            checksum   text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now())
        """;

    private const string AppliedSql = "SELECT number, name, checksum FROM schema_migrations ORDER BY number";

    private const string RecordSql = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)";

    /// <summary>Applies what is missing and returns those applied. For tests and tools that have only a connection string.</summary>
    public static async Task ApplyAsync(string connectionString)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await ApplyAsync(database, Migration.All, CancellationToken.None);
    }

    /// <summary>Applies what is missing of <paramref name="migrations"/> and returns those applied.</summary>
    /// <exception cref="OperatorException">The database and the program do not belong together.</exception>
    public static async Task<IReadOnlyList<Migration>> ApplyAsync(
        NpgsqlDataSource database, IReadOnlyList<Migration> migrations, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await ExecuteAsync(connection, LockSql, cancellation);
        try
        {
            await ExecuteAsync(connection, CreateSql, cancellation);
            var missing = Missing(migrations, await AppliedAsync(connection, cancellation));
            foreach (var migration in missing)
            {
                await ApplyOneAsync(connection, migration, cancellation);
            }

            return missing;
        }
        finally
        {
            // Not left to the pool: a pooled connection would carry the lock on.
            if (connection.State == System.Data.ConnectionState.Open)
            {
                await ExecuteAsync(connection, UnlockSql, CancellationToken.None);
            }
        }
    }

    private const string HasTableSql = "SELECT to_regclass('schema_migrations') IS NOT NULL";

    /// <summary>What <see cref="ApplyAsync(NpgsqlDataSource, IReadOnlyList{Migration}, CancellationToken)"/> would apply; changes nothing.</summary>
    /// <exception cref="OperatorException">The database and the program do not belong together.</exception>
    public static async Task<IReadOnlyList<Migration>> FindMissingAsync(
        NpgsqlDataSource database, IReadOnlyList<Migration> migrations, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand(HasTableSql, connection);
        return (bool)(await command.ExecuteScalarAsync(cancellation))! ? Missing(migrations, await AppliedAsync(connection, cancellation)) : migrations;
    }

    /// <summary>What is left to apply, or why nothing may be.</summary>
    private static List<Migration> Missing(
        IReadOnlyList<Migration> migrations, Dictionary<int, (string Name, string Checksum)> applied)
    {
        var known = migrations.ToDictionary(migration => migration.Number);
        foreach (var (number, (name, checksum)) in applied)
        {
            if (!known.TryGetValue(number, out var migration))
            {
                throw new OperatorException(
                    $"The database is newer than this program: it has migration {number:0000}_{name}, and this program "
                    + $"knows migrations up to {(migrations.Count == 0 ? 0 : migrations[^1].Number):0000}. "
                    + "Run the newer program, or restore a backup from before the upgrade.") { Exit = ExitCode.Unavailable };
            }

            if (migration.Checksum != checksum)
            {
                throw new OperatorException(
                    $"Migration {migration} was changed after it had been applied to this database (checksum {checksum[..12]} "
                    + $"in the database, {migration.Checksum[..12]} in the program). Put the file back as it was and "
                    + "make the change in a new migration.") { Exit = ExitCode.Unavailable };
            }
        }

        return [.. migrations.Where(migration => !applied.ContainsKey(migration.Number))];
    }

    private static async Task ApplyOneAsync(NpgsqlConnection connection, Migration migration, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        try
        {
            await ExecuteAsync(connection, migration.Sql, cancellation);
        }
        catch (PostgresException e)
        {
            throw new OperatorException($"Migration {migration} failed and was rolled back: {e.MessageText} ({e.SqlState}).", e) { Exit = ExitCode.Unavailable };
        }

        await using (var record = new NpgsqlCommand(RecordSql, connection)
        {
            Parameters = { new() { Value = migration.Number }, new() { Value = migration.Name }, new() { Value = migration.Checksum } },
        })
        {
            await record.ExecuteNonQueryAsync(cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    private static async Task<Dictionary<int, (string Name, string Checksum)>> AppliedAsync(
        NpgsqlConnection connection, CancellationToken cancellation)
    {
        var applied = new Dictionary<int, (string, string)>();
        await using var command = new NpgsqlCommand(AppliedSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            applied.Add(reader.GetInt32(0), (reader.GetString(1), reader.GetString(2)));
        }

        return applied;
    }

    // No time limit: a migration may take an hour, and so may waiting for the process that runs it.
#pragma warning disable CA2100 // The text comes from this program's own files.
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellation);
    }
#pragma warning restore CA2100
}
