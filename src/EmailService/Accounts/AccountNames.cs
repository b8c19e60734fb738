using System.Collections.Concurrent;

namespace EmailService.Accounts;

/// <summary>An account's name by its number: settings go by names.</summary>
public interface IAccountNames
{
    /// <summary>Null if there is no such account.</summary>
    ValueTask<string?> FindAsync(int accountId, CancellationToken cancellation);
}

/// <summary>Asks the table once for each account: a name never changes.</summary>
public sealed class AccountNames(AccountStore store) : IAccountNames
{
    private readonly ConcurrentDictionary<int, string> names = new();

    public ValueTask<string?> FindAsync(int accountId, CancellationToken cancellation) =>
        names.TryGetValue(accountId, out var name) ? ValueTask.FromResult<string?>(name) : AskAsync(accountId, cancellation);

    private async ValueTask<string?> AskAsync(int accountId, CancellationToken cancellation)
    {
        if (!(await store.NamesAsync([accountId], cancellation)).TryGetValue(accountId, out var name))
        {
            return null;
        }

        names[accountId] = name;
        return name;
    }
}
