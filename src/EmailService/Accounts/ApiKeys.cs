using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace EmailService.Accounts;

/// <summary>A key just made: the only time that its text is known.</summary>
public sealed record NewApiKey(string Id, string Name, string Key);

/// <summary>API keys: <c>SG.&lt;22 characters of id&gt;.&lt;43 of secret&gt;</c>, as SendGrid's look, so that its clients do not complain.
/// Of the secret we keep its SHA-256: it has 256 random bits, so nothing slower is needed to make guessing hopeless.</summary>
public sealed class ApiKeys
{
    public const int MostCharactersOfName = 100;

    /// <summary>Names are shown on terminals, which obey control characters.</summary>
    public static bool IsGoodName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length is > 0 and <= MostCharactersOfName && !name.Any(char.IsControl);
    }

    private const string Prefix = "SG.";
    private const int IdLength = 22;
    private const int SecretLength = 43;
    private const int KeyLength = 3 + IdLength + 1 + SecretLength;
    private const int MostCached = 10_000;

    private readonly ApiKeyStore store;
    private readonly TimeProvider time;
    private readonly ShortCache<string, KnownKey> known;

    public ApiKeys(Npgsql.NpgsqlDataSource database, TimeProvider time)
    {
        store = new ApiKeyStore(database);
        this.time = time;
        known = new ShortCache<string, KnownKey>(time, MostCached, store.FindAsync);
    }

    /// <summary>The account that a key stands for; null if there is no such key, or it was revoked.</summary>
    public async ValueTask<int?> FindAccountAsync(string key, CancellationToken cancellation) =>
        (await FindAsync(key, cancellation))?.AccountId;

    public async Task<NewApiKey> CreateAsync(int accountId, string name, CancellationToken cancellation)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        await store.AddAsync(id, accountId, name, SHA256.HashData(Encoding.ASCII.GetBytes(secret)), time.GetUtcNow(), cancellation);
        known.Forget(id);
        return new NewApiKey(id, name, $"{Prefix}{id}.{secret}");
    }

    /// <summary>From now on this node refuses the key; other nodes within ten seconds.</summary>
    public async Task<bool> RevokeAsync(int accountId, string id, CancellationToken cancellation)
    {
        var revoked = await store.RevokeAsync(accountId, id, time.GetUtcNow(), cancellation);
        known.Forget(id);
        return revoked;
    }

    public Task<IReadOnlyList<ApiKeyInfo>> ListAsync(int accountId, CancellationToken cancellation) =>
        store.ListAsync(accountId, cancellation);

    internal async ValueTask<KnownKey?> FindAsync(string key, CancellationToken cancellation)
    {
        if (key.Length != KeyLength || !key.StartsWith(Prefix, StringComparison.Ordinal) || key[Prefix.Length + IdLength] != '.'
            || !Ascii.IsValid(key) || key.Contains('\0'))
        {
            return null;
        }

        return Checked(await known.FindAsync(key.Substring(Prefix.Length, IdLength), cancellation), key);
    }

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
