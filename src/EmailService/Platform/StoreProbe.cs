using Npgsql;

namespace EmailService.Platform;

/// <summary>Finds out whether the store takes commits.</summary>
public interface IStoreProbe
{
    /// <summary>Commits something that does no harm; throws if that is not possible.</summary>
    Task CommitAsync(CancellationToken cancellation);
}

public sealed class StoreProbe(NpgsqlDataSource database) : IStoreProbe
{
    // Reading would also work on a full disk: a commit is what we need.
    private const string ProbeSql = """
        INSERT INTO store_probe (id, probed_at) VALUES (1, now())
        ON CONFLICT (id) DO UPDATE SET probed_at = excluded.probed_at
        """;

    public async Task CommitAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(ProbeSql);
        command.CommandTimeout = 5;
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
