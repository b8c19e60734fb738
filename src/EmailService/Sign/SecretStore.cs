using System.Security.Cryptography;
using Npgsql;

namespace EmailService.Sign;

/// <summary>Keys that all nodes share: made by whoever comes first, read by the others.</summary>
public sealed class SecretStore(NpgsqlDataSource db)
{
    // The update changes nothing and returns the row that was there.
    private const string GetOrMakeSql = """
        INSERT INTO secrets (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET name = excluded.name
        RETURNING value
        """;

    public async Task<byte[]> GetOrMakeAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(GetOrMakeSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = RandomNumberGenerator.GetBytes(32) });
        return (byte[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
