using Dapper;
using Npgsql;

namespace EmailService.Accounts;

/// <summary>Writes the table <c>accounts</c>.</summary>
public sealed class AccountStore(NpgsqlDataSource database)
{
    public const string DefaultName = "default";

    private const string FindSql = "SELECT id FROM accounts WHERE name = @name";

    private const string AddSql = "INSERT INTO accounts (name) VALUES (@name) ON CONFLICT (name) DO NOTHING";

    /// <summary>UTF-16 code units of an account's name.</summary>
    public const int MostCharactersOfName = 253;

    private const string LockSql = "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE";

    /// <summary>First in a batch whose next command counts what the account has and adds one: of two batches at once the second waits here, and its count,
    /// a statement of its own, sees what the first has added. Rows that only refer to the account, such as mail that is accepted, do not wait.</summary>
    public static NpgsqlBatchCommand LockCommand(int accountId) => new(LockSql) { Parameters = { new() { Value = accountId } } };

    /// <summary>The account of that name, made if there is none.</summary>
    /// <exception cref="EmailService.Platform.OperatorException">There is none, and none may have that name.</exception>
    public async Task<int> GetOrAddAsync(string name, CancellationToken cancellation)
    {
        if (EmailService.Platform.ShownName.Problem(name, MostCharactersOfName) is { } problem)
        {
            return name.Contains('\0') || await FindAsync(name, cancellation) is not { } there
                ? throw new EmailService.Platform.OperatorException($"The account's name: {problem}.") { Exit = EmailService.Platform.ExitCode.Usage }
                : there;
        }

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
