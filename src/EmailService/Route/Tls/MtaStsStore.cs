using EmailService.Messages;
using Npgsql;

namespace EmailService.Route;

/// <summary>A policy as it was fetched, and for how long it holds.</summary>
public sealed record CachedMtaSts(string Domain, string Id, MtaStsPolicy Policy, DateTimeOffset FetchedAt, DateTimeOffset ExpiresAt)
{
    /// <summary>For reports; made once, because it is wanted at each attempt.</summary>
    internal AppliedTlsPolicy Applied { get; } = new(TlsPolicyType.Sts, Domain, Policy.ToString(), string.Join('\n', Policy.Mx));
}

/// <summary>The table of policies, shared by all nodes.</summary>
public sealed class MtaStsStore(NpgsqlDataSource db)
{
    private const int MostPolicies = 100_000;

    // Index mta_sts_policies_expiry.
    private const string AllSql = """
        SELECT domain, id, mode, mx, max_age, fetched_at, expires_at FROM mta_sts_policies
         WHERE expires_at > $1 ORDER BY expires_at DESC LIMIT $2
        """;

    /// <summary>All that still hold.</summary>
    public async Task<IReadOnlyList<CachedMtaSts>> AllAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(AllSql);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MostPolicies });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var all = new List<CachedMtaSts>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var mode = Enum.Parse<MtaStsMode>(reader.GetString(2), ignoreCase: true);
            all.Add(new CachedMtaSts(
                reader.GetString(0), reader.GetString(1),
                new MtaStsPolicy(mode, reader.GetFieldValue<string[]>(3), TimeSpan.FromSeconds(reader.GetInt32(4))),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetFieldValue<DateTimeOffset>(6)));
        }

        return all;
    }

    private const string SaveSql = """
        INSERT INTO mta_sts_policies (domain, id, mode, mx, max_age, fetched_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (domain) DO UPDATE
           SET id = EXCLUDED.id, mode = EXCLUDED.mode, mx = EXCLUDED.mx, max_age = EXCLUDED.max_age, fetched_at = EXCLUDED.fetched_at,
               expires_at = EXCLUDED.expires_at, last_error = NULL, last_error_at = NULL
         WHERE mta_sts_policies.fetched_at <= EXCLUDED.fetched_at
        """;

    /// <summary>Keeps a policy, unless a later one is there.</summary>
    public async Task SaveAsync(CachedMtaSts cached, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(SaveSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = cached.Domain });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = cached.Id });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = cached.Policy.Mode.ToString().ToLowerInvariant() });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. cached.Policy.Mx] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = (int)cached.Policy.MaxAge.TotalSeconds });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = cached.FetchedAt.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = cached.ExpiresAt.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string FailedSql = "UPDATE mta_sts_policies SET last_error = $2, last_error_at = $3 WHERE domain = $1";

    /// <summary>Notes at a policy that is there that it could not be fetched anew.</summary>
    public async Task FailedAsync(string domain, string problem, DateTimeOffset at, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(FailedSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = domain });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = problem });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = at.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
