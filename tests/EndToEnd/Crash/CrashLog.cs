using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd.Crash;

/// <summary>One row of the event log.</summary>
internal sealed record LogRow(string Address, string Kind, int Attempt);

/// <summary>What the service's database says at the end of a run.</summary>
internal sealed record CrashLog(
    ILookup<string, LogRow> Events, IReadOnlyDictionary<string, string> Settled, int Messages, int Queued, int Leased)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>Waits until so many recipients have come to their end; gives up when nothing moves any more.</summary>
    public static async Task<CrashLog> WaitForEndAsync(string connectionString, int recipients)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        var (settled, moved) = (0L, 0L);
        try
        {
            await Wait.UntilAsync(
                async () =>
                {
                    try
                    {
                        settled = await CountAsync(database, "SELECT count(*) FROM settled");
                        moved = settled + await CountAsync(database, "SELECT count(*) FROM events");
                        return settled >= recipients && await CountAsync(database, "SELECT count(*) FROM outbox") == 0;
                    }
                    catch (NpgsqlException)
                    {
                        // It may just have been killed.
                        return false;
                    }
                },
                () => $"the end of {recipients} recipients; {settled} have come to it, and nothing moves",
                Patience, pause: TimeSpan.FromMilliseconds(200), progress: () => moved);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}. Left:\n{await DescribeLeftAsync(database)}", e);
        }

        return await ReadAsync(database);
    }

    private static async Task<CrashLog> ReadAsync(NpgsqlDataSource database)
    {
        var events = new List<LogRow>();
        await using (var command = database.CreateCommand("SELECT address, kind, attempt FROM events ORDER BY xact, id"))
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                events.Add(new LogRow(reader.GetString(0), reader.GetString(1), reader.GetInt32(2)));
            }
        }

        var settled = new Dictionary<string, string>();
        await using (var command = database.CreateCommand("SELECT address, string_agg(state, '+') FROM settled GROUP BY address"))
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                settled[reader.GetString(0)] = reader.GetString(1);
            }
        }

        return new CrashLog(
            events.ToLookup(e => e.Address), settled,
            (int)await CountAsync(database, "SELECT count(*) FROM messages"),
            (int)await CountAsync(database, "SELECT count(*) FROM outbox WHERE state = 'queued'"),
            (int)await CountAsync(database, "SELECT count(*) FROM outbox WHERE state = 'leased'"));
    }

    private static async Task<string> DescribeLeftAsync(NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand("""
            SELECT format('%s %s node %s attempts %s due %s lane %s: %s', address, state, node_id, attempts, due_at, lane, last_reply)
              FROM outbox ORDER BY due_at LIMIT 20
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var lines = new List<string>();
        while (await reader.ReadAsync())
        {
            lines.Add(reader.GetString(0));
        }

        return lines.Count == 0 ? "nothing in the outbox: recipients were lost" : string.Join('\n', lines);
    }

    private static async Task<long> CountAsync(NpgsqlDataSource database, string sql)
    {
#pragma warning disable CA2100 // From a constant.
        await using var command = database.CreateCommand(sql);
#pragma warning restore CA2100
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
