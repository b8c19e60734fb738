using Npgsql;
using NpgsqlTypes;

namespace EmailService.Egress;

/// <summary>The table <c>warm_up_days</c>: what sources that are being warmed up have sent, over all nodes.</summary>
public sealed class WarmUpStore(NpgsqlDataSource db)
{
    // Primary key. A conflict is settled on the row's newest version, under its lock: two nodes never take the same.
    private const string TakeSql = """
        INSERT INTO warm_up_days AS d (source, day, taken, block)
        VALUES ($1, $2, LEAST($3, $4), LEAST($3, $4))
            ON CONFLICT (source, day) DO UPDATE
           SET taken = d.taken + GREATEST(0, LEAST($3, $4 - d.taken)), block = GREATEST(0, LEAST($3, $4 - d.taken))
        RETURNING block, taken
        """;

    /// <summary>Takes a block of a day's allowance, or what is left of it.</summary>
    /// <param name="open">How much of the day's cap may be taken by now.</param>
    public async Task<(int Granted, int Taken)> TakeAsync(string source, DateOnly day, int block, int open, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(TakeSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = source });
        command.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = day, NpgsqlDbType = NpgsqlDbType.Date });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = block });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = open });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt32(0), reader.GetInt32(1));
    }

    private const string TakenSql = "SELECT source, taken FROM warm_up_days WHERE day = $1";

    /// <summary>What was taken on a day, by source.</summary>
    public async Task<Dictionary<string, int>> FindTakenAsync(DateOnly day, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(TakenSql);
        command.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = day, NpgsqlDbType = NpgsqlDbType.Date });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var taken = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadAsync(cancellationToken))
        {
            taken[reader.GetString(0)] = reader.GetInt32(1);
        }

        return taken;
    }

    private const string ForgetSql = "DELETE FROM warm_up_days WHERE day < $1";

    public async Task ForgetAsync(DateOnly before, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ForgetSql);
        command.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = before, NpgsqlDbType = NpgsqlDbType.Date });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
