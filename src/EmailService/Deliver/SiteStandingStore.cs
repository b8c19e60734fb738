using EmailService.Platform;
using Npgsql;

namespace EmailService.Deliver;

/// <summary>Writes and reads <c>site_standings</c>.</summary>
public sealed class SiteStandingStore(NpgsqlDataSource db) : ISiteStandingStore
{
    // In the order of the primary key, so that two processes that write the same sites do not wait for each other crosswise.
    private const string WriteSql = """
        WITH gone AS (
            DELETE FROM site_standings WHERE site IN (
                SELECT site FROM site_standings WHERE site = ANY ($3) OR (answered_at < $4 AND site <> ALL ($1)) ORDER BY site FOR UPDATE SKIP LOCKED))
        INSERT INTO site_standings (site, answered_at)
        SELECT site, answered_at FROM unnest($1::text[], $2::timestamptz[]) AS t (site, answered_at) ORDER BY site
        ON CONFLICT (site) DO UPDATE SET answered_at = greatest(site_standings.answered_at, excluded.answered_at)
        """;

    // Index site_standings_answered.
    private const string ReadSql = "SELECT site, answered_at FROM site_standings WHERE answered_at > $1 ORDER BY answered_at DESC LIMIT $2";

    public async Task WriteAsync(
        IReadOnlyList<(string Site, DateTimeOffset At)> answered, IReadOnlyList<string> lost, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(WriteSql);
        command.Parameters.Add(answered.TextColumn(a => a.Site));
        command.Parameters.Add(answered.Column(a => a.At.UtcDateTime));
        command.Parameters.Add(lost.TextColumn(s => s));
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (now - SiteStanding.Lasts).UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<List<(string Site, DateTimeOffset At)>> ReadAsync(DateTimeOffset after, int most, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(ReadSql);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = after.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var sites = new List<(string, DateTimeOffset)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            sites.Add((reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1)));
        }

        return sites;
    }
}
