using Dapper;
using Npgsql;

namespace EmailService.Accounts;

/// <summary>Writes the table <c>accounts</c>.</summary>
public sealed class AccountStore(NpgsqlDataSource database)
{
    public const string DefaultName = "default";

    private const string FindSql = "SELECT id FROM accounts WHERE name = @name";

    private const string AddSql = "INSERT INTO accounts (name) VALUES (@name) ON CONFLICT (name) DO NOTHING";

    /// <summary>The account of that name, made if there is none.</summary>
    public async Task<int> GetOrAddAsync(string name, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(new CommandDefinition(AddSql, new { name }, cancellationToken: cancellation));
        return await connection.QuerySingleAsync<int>(new CommandDefinition(FindSql, new { name }, cancellationToken: cancellation));
    }

    /// <summary>The account of that name. For what only looks: a misspelt name must not make an account, and on a new
    /// database the first account is the first start's to make, with its key and its domain.</summary>
    /// <exception cref="EmailService.Platform.OperatorException">There is none.</exception>
    public async Task<int> GetAsync(string name, CancellationToken cancellation) =>
        await FindAsync(name, cancellation)
        ?? throw new EmailService.Platform.OperatorException($"There is no account {name}. The first start of the service makes the account {DefaultName}; keys create and domains add make others.");

    public async Task<int?> FindAsync(string name, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return await connection.QuerySingleOrDefaultAsync<int?>(new CommandDefinition(FindSql, new { name }, cancellationToken: cancellation));
    }

    private const string NamesSql = "SELECT id, name FROM accounts WHERE id = ANY (@ids)";

    /// <summary>The names of these accounts.</summary>
    public async Task<IReadOnlyDictionary<int, string>> NamesAsync(int[] ids, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return (await connection.QueryAsync<(int Id, string Name)>(new CommandDefinition(NamesSql, new { ids }, cancellationToken: cancellation)))
            .ToDictionary(row => row.Id, row => row.Name);
    }

    private const string AnySql = "SELECT EXISTS (SELECT FROM accounts)";

    public async Task<bool> AnyAsync(CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        return await connection.QuerySingleAsync<bool>(new CommandDefinition(AnySql, cancellationToken: cancellation));
    }
}
