using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary>A key just made: the only time that its text is known.</summary>
public sealed record NewApiKey(string Id, string Name, string Key, bool Operator);

/// <summary>API keys: <c>SG.&lt;22 characters of id&gt;.&lt;43 of secret&gt;</c>, as SendGrid's look, so that its clients do not complain.
/// Of the secret we keep its SHA-256: it has 256 random bits, so nothing slower is needed to make guessing hopeless.</summary>
public sealed class ApiKeys
{
    public const int MostCharactersOfName = 100;

    /// <summary>Keys of one account that work, made over HTTP: a key that is stolen must not fill the table. The command line goes beyond it.</summary>
    public const int MostOfAccount = 1000;

    /// <summary>What is wrong with a key's name; null if nothing is.</summary>
    public static string? NameProblem(string name) => ShownName.Problem(name, MostCharactersOfName);

    private const string Prefix = "SG.";
    internal const int IdLength = 22;
    private const int SecretLength = 43;
    private const int KeyLength = 3 + IdLength + 1 + SecretLength;
    private const int MostCached = 10_000;

    private readonly ApiKeyStore store;
    private readonly TimeProvider time;
    private readonly KeyUses uses;
    private readonly ShortCache<string, KnownKey> known;

    public ApiKeys(Npgsql.NpgsqlDataSource database, TimeProvider time)
    {
        store = new ApiKeyStore(database);
        this.time = time;
        uses = new KeyUses(time);
        known = new ShortCache<string, KnownKey>(time, MostCached, store.FindAsync);
    }

    /// <summary>The account that a key stands for; null if there is no such key, or it was revoked.</summary>
    public async ValueTask<int?> FindAccountAsync(string key, CancellationToken cancellation) =>
        (await FindAsync(key, cancellation))?.AccountId;

    /// <summary>Makes a key of the account's own.</summary>
    public Task<NewApiKey> CreateAsync(int accountId, string name, CancellationToken cancellation) =>
        CreateAsync(accountId, name, isOperator: false, cancellation);

    /// <param name="isOperator">Whether the key may see and steer the whole service.</param>
    public async Task<NewApiKey> CreateAsync(int accountId, string name, bool isOperator, CancellationToken cancellation) =>
        (await CreateAsync(accountId, name, isOperator, int.MaxValue, cancellation))!;

    /// <summary>The same, unless the account has <see cref="MostOfAccount"/> keys that work: then null.</summary>
    public Task<NewApiKey?> CreateIfRoomAsync(int accountId, string name, bool isOperator, CancellationToken cancellation) =>
        CreateAsync(accountId, name, isOperator, MostOfAccount, cancellation);

    private async Task<NewApiKey?> CreateAsync(int accountId, string name, bool isOperator, int most, CancellationToken cancellation)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var isMade = await store.AddAsync(
            id, accountId, name, SHA256.HashData(Encoding.ASCII.GetBytes(secret)), isOperator, time.GetUtcNow(), most, cancellation);
        known.Forget(id);
        return isMade ? new NewApiKey(id, name, $"{Prefix}{id}.{secret}", isOperator) : null;
    }

    /// <summary>From now on this node refuses the key; other nodes within ten seconds. False if the account has no such key that works.</summary>
    /// <param name="operators">Whether an operator's key may be meant: an ordinary key must not lock the operator out.</param>
    public async Task<bool> RevokeAsync(int accountId, string id, bool operators, CancellationToken cancellation)
    {
        var revoked = await store.RevokeAsync(accountId, id, operators, time.GetUtcNow(), cancellation);
        known.Forget(id);
        return revoked;
    }

    /// <summary>The same for all keys of the account but one, after a leak for example. Nothing happens if that one does not work.</summary>
    /// <param name="operators">Whether operators' keys are revoked too.</param>
    public async Task<IReadOnlyList<string>> RevokeOthersAsync(int accountId, string keep, bool operators, CancellationToken cancellation)
    {
        var revoked = await store.RevokeOthersAsync(accountId, keep, operators, time.GetUtcNow(), cancellation);
        foreach (var id in revoked)
        {
            known.Forget(id);
        }

        return revoked;
    }

    /// <summary>Whether a key of the account works; the answer is as old as the table.</summary>
    public async Task<bool> IsGoodAsync(int accountId, string id, CancellationToken cancellation) =>
        (await store.FindAsync(id, cancellation))?.AccountId == accountId;

    /// <summary>How many operators' keys of the account work besides this one.</summary>
    public Task<int> CountOperatorsAsync(int accountId, string butId, CancellationToken cancellation) =>
        store.CountOperatorsAsync(accountId, butId, cancellation);

    /// <summary>The newest first, with the last use as this process knows it.</summary>
    /// <param name="after">The id of the last key of the page before; null for the first page.</param>
    /// <param name="limit">The most to return.</param>
    public async Task<IReadOnlyList<ApiKeyInfo>> ListAsync(int accountId, string? after, int limit, CancellationToken cancellation) =>
    [
        .. (await store.ListAsync(accountId, after, limit, cancellation)).Select(key =>
            uses.Of(key.Id) is { } used && !(used < key.LastUsedAt) ? key with { LastUsedAt = used } : key),
    ];

    /// <summary>Stores which keys were used since the last time.</summary>
    public async Task StoreUsesAsync(CancellationToken cancellation)
    {
        var taken = uses.Take();
        if (taken.Count == 0)
        {
            return;
        }

        try
        {
            await store.SetUsedAsync(taken, cancellation);
        }
        catch
        {
            uses.GiveBack(taken);
            throw;
        }
    }

    /// <summary>The key behind a <see cref="KeySession"/>; null if it has ended, was not issued by us, or its key was revoked.</summary>
    internal async ValueTask<KnownKey?> FindSessionAsync(string session, CancellationToken cancellation)
    {
        if (KeySession.ClaimedKey(session, time.GetUtcNow()) is not { } id
            || await known.FindAsync(id, cancellation) is not { } key || !KeySession.IsOf(key, session))
        {
            return null;
        }

        uses.Note(key);
        return key;
    }

    internal async ValueTask<KnownKey?> FindAsync(string key, CancellationToken cancellation)
    {
        if (!HasForm(key))
        {
            return null;
        }

        var found = Checked(await known.FindAsync(key.Substring(Prefix.Length, IdLength), cancellation), key);
        if (found is not null)
        {
            uses.Note(found);
        }

        return found;
    }

    /// <summary>The id in a text that looks like a key, or null: for a log, in which what is no key must not come, nor any secret.</summary>
    internal static string? IdOf(string key) =>
        HasForm(key) && key.Substring(Prefix.Length, IdLength) is var id && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? id : null;

    private static bool HasForm(string key) =>
        key.Length == KeyLength && key.StartsWith(Prefix, StringComparison.Ordinal) && key[Prefix.Length + IdLength] == '.'
        && Ascii.IsValid(key) && !key.Contains('\0');

    private static KnownKey? Checked(KnownKey? found, string key)
    {
        if (found is null)
        {
            return null;
        }

        Span<byte> secret = stackalloc byte[SecretLength];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Encoding.ASCII.GetBytes(key.AsSpan(KeyLength - SecretLength), secret);
        SHA256.HashData(secret, hash);
        return CryptographicOperations.FixedTimeEquals(hash, found.SecretHash) ? found : null;
    }
}
