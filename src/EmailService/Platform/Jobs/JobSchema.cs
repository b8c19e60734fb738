using Hangfire.PostgreSql;
using Npgsql;

namespace EmailService.Platform.Jobs;

/// <summary>Hangfire's tables, in a schema of their own in the service's database. Its installer makes them and brings them up to date, beside the
/// start of the service and not before it; on one node at a time, as two installers at once disturb each other.</summary>
internal static class JobSchema
{
    public const string Name = "hangfire";

    private const string LockSql = "SELECT pg_advisory_xact_lock(hashtextextended('hangfire schema', 0))";

    /// <exception cref="OperatorException">The database's user may not make the schema.</exception>
    public static async Task PrepareAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var guard = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await guard.BeginTransactionAsync(cancellation);
        await using (var wait = new NpgsqlCommand(LockSql, guard, transaction))
        {
            await wait.ExecuteNonQueryAsync(cancellation);
        }

        // The lock ends with the transaction, also if this process dies.
        await using var connection = await database.OpenConnectionAsync(cancellation);
        try
        {
            PostgreSqlObjectsInstaller.Install(connection, Name);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new OperatorException(
                $"jobs need a schema of their own, and the database's user may not make it ({e.MessageText}). As a superuser: CREATE SCHEMA {Name} AUTHORIZATION <user>");
        }
    }

    /// <summary>Hangfire's way to the database: through the service's own pool, and so within its bound.</summary>
    public sealed class Connections(NpgsqlDataSource database) : IConnectionFactory
    {
        public NpgsqlConnection GetOrCreateConnection() => database.CreateConnection();
    }
}
