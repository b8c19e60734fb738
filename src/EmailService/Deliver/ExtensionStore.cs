using System.Net;
using Dapper;
using EmailService.Shaping;
using EmailService.Smtp.Client;
using Npgsql;

namespace EmailService.Deliver;

/// <summary>Writes and reads <c>host_extensions</c>: what hosts offer and do not keep outlives the process that found out.</summary>
public sealed class ExtensionStore(NpgsqlDataSource database, TimeProvider time)
{
    // As many as two processes remember; whoever has more addresses than that fills no table of ours.
    private const int MostRows = 2 * ExtensionMemory.MaxHosts;

    // By the primary key but for the clean-up, which reads all of a small table.
    private const string SaveSql = """
        WITH gone AS (DELETE FROM host_extensions WHERE until < @now AND address <> @address)
        INSERT INTO host_extensions (address, host, without, why, until)
        SELECT @address, @host, @without, @why, @until
         WHERE (SELECT count(*) FROM host_extensions) < @most OR EXISTS (SELECT FROM host_extensions WHERE address = @address)
        ON CONFLICT (address) DO UPDATE SET host = excluded.host, without = excluded.without, why = excluded.why, until = excluded.until
        """;

    private const string LoadSql = "SELECT address, host, without, why, until FROM host_extensions WHERE until > @now ORDER BY until DESC LIMIT @most";

    private const string OfHostsSql = "SELECT address, host, without, why, until FROM host_extensions WHERE until > @now AND host = ANY (@hosts) ORDER BY host, address LIMIT 100";

    public async Task SaveAsync(UnkeptExtensions host, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            SaveSql,
            new
            {
                now = time.GetUtcNow(), address = host.EndPoint.ToString(), host = host.Host, without = ExtensionWords.Of(host.Without), why = host.Why,
                until = host.Until, most = MostRows,
            },
            cancellationToken: cancellationToken));
    }

    /// <summary>All that still hold.</summary>
    public Task<List<UnkeptExtensions>> LoadAsync(CancellationToken cancellationToken) =>
        ReadAsync(LoadSql, new { now = time.GetUtcNow(), most = ExtensionMemory.MaxHosts }, cancellationToken);

    /// <summary>Those of hosts with these names.</summary>
    public Task<List<UnkeptExtensions>> OfHostsAsync(IEnumerable<string> names, CancellationToken cancellationToken) =>
        ReadAsync(OfHostsSql, new { now = time.GetUtcNow(), hosts = names.ToArray() }, cancellationToken);

    private async Task<List<UnkeptExtensions>> ReadAsync(string sql, object parameters, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<(string Address, string Host, string[] Without, string Why, DateTime Until)>(
            new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));
        var found = new List<UnkeptExtensions>();
        foreach (var row in rows)
        {
            if (IPEndPoint.TryParse(row.Address, out var endPoint))
            {
                var without = row.Without.Aggregate(SmtpExtensions.None, (all, word) => ExtensionWords.TryParse(word, out var one) ? all | one : all);
                found.Add(new UnkeptExtensions(endPoint, row.Host, without, row.Why, row.Until));
            }
        }

        return found;
    }
}
