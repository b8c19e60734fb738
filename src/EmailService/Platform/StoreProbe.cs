using System.Security.Cryptography;
using Npgsql;

namespace EmailService.Platform;

/// <summary>Finds out whether the store takes commits.</summary>
public interface IStoreProbe
{
    /// <summary>Commits something that does no harm and needs room on the disk; throws if that is not possible.</summary>
    Task CommitAsync(CancellationToken cancellation);
}

/// <remarks>Run only while commits fail.</remarks>
public sealed class StoreProbe(NpgsqlDataSource database) : IStoreProbe
{
    /// <summary>As much as a mail with an attachment, and more than the pages that a full disk may have left over.</summary>
    private const int Octets = 256 * 1024;

    // Reading would also work on a full disk, and so would a change of a row in place: TRUNCATE begins a new file, and what is written
    // into it has to find room. Random, so that nothing compresses it.
    private const string EmptySql = "TRUNCATE store_probe_room";
    private const string FillSql = "INSERT INTO store_probe_room (octets) VALUES ($1)";

    public async Task CommitAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { Timeout = 5 };
        batch.BatchCommands.Add(new NpgsqlBatchCommand(EmptySql));
        var fill = new NpgsqlBatchCommand(FillSql);
        fill.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = RandomNumberGenerator.GetBytes(Octets) });
        batch.BatchCommands.Add(fill);
        await batch.ExecuteNonQueryAsync(cancellation);
    }
}
