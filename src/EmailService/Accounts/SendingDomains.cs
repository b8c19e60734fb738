using EmailService.Platform;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using EmailService.Mime;
using EmailService.Mime.Dkim;
using Npgsql;

namespace EmailService.Accounts;

/// <summary>The domains that accounts send as, each with a DKIM key of its own.</summary>
public sealed class SendingDomains
{
    /// <summary>Made on the first run, so that the first mail needs no DNS. RFC 2606 §3 keeps it from ever being anybody's.</summary>
    public const string DemoName = "demo.example";

    private const int MostCached = 10_000;
    private const int SelectorChance = 5;

    private static readonly SemaphoreSlim makingKey = new(1);
    private readonly DomainStore store;
    private readonly TimeProvider time;
    private readonly ShortCache<(int AccountId, string Name), SendingDomain> known;

    public SendingDomains(NpgsqlDataSource database, DeliveryMode mode, TimeProvider time)
    {
        store = new DomainStore(database, mode);
        this.time = time;
        known = new(time, MostCached, (key, cancellation) => store.FindAsync(key.AccountId, WithParents(key.Name), cancellation));
    }

    /// <summary>What the account has for mail from that domain: the domain itself or a parent of it, verified ones first.
    /// The answer may be ten seconds old.</summary>
    /// <param name="accountId">Whose domain.</param>
    /// <param name="domain">Lower-case ASCII, as <see cref="EmailAddress.Domain"/> has it.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public ValueTask<SendingDomain?> FindAsync(int accountId, string domain, CancellationToken cancellation) =>
        known.FindAsync((accountId, domain), cancellation);

    /// <summary>Exactly that domain, as it is now.</summary>
    public Task<SendingDomain?> GetAsync(int accountId, string name, CancellationToken cancellation) =>
        store.FindAsync(accountId, [name], cancellation);

    public Task<IReadOnlyList<SendingDomain>> ListAsync(int accountId, CancellationToken cancellation) =>
        store.ListAsync(accountId, cancellation);

    /// <summary>Adds a domain with a new RSA key of 2048 bits. Null if the account has it already.</summary>
    /// <exception cref="TooManyDomainsException">The account has as many as it may have.</exception>
    /// <param name="accountId">For whom.</param>
    /// <param name="name">As <see cref="TryNormalize"/> gives it.</param>
    /// <param name="verified">Only the demo domain is born verified.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public async Task<SendingDomain?> AddAsync(int accountId, string name, bool verified, CancellationToken cancellation)
    {
        if (await store.FindAsync(accountId, [name], cancellation) is not null)
        {
            return null;
        }

        // Asked before the key is made, which is dear, and again in the statement that adds.
        if (await store.CountAsync(accountId, cancellation) >= DomainStore.MostOfAccount)
        {
            throw new TooManyDomainsException();
        }

        var now = time.GetUtcNow();
        using var key = await MakeKeyAsync(cancellation);
        var added = await store.AddAsync(
            new NewDomain(accountId, name, verified, NewSelector(now), key.ExportPkcs8(), $"bounces.{name}", now), cancellation);
        known.Clear();
        return added ?? (await store.FindAsync(accountId, [name], cancellation) is null ? throw new TooManyDomainsException() : null);
    }

    /// <summary>The month, and 25 bits of chance: two accounts that send as one domain publish at two names, and a domain that is added again does not find its old key
    /// at the new one's name. Existing domains keep theirs.</summary>
    private static string NewSelector(DateTimeOffset now) =>
        string.Create(CultureInfo.InvariantCulture, $"es{now:yyyyMM}-{RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz234567", SelectorChance)}");

    /// <summary>One at a time in this process, whoever asks: it costs a tenth to half a second of a processor, and cannot be broken off once it has begun.</summary>
    private static async Task<DkimKey> MakeKeyAsync(CancellationToken cancellation)
    {
        await makingKey.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => DkimKey.Generate(DkimAlgorithm.RsaSha256), cancellation);
        }
        finally
        {
            makingKey.Release();
        }
    }

    public async Task<bool> RemoveAsync(int accountId, string name, CancellationToken cancellation)
    {
        var removed = await store.RemoveAsync(accountId, name, cancellation);
        // All of it: subdomains may be kept under the parent that is gone.
        known.Clear();
        return removed;
    }

    internal async Task<SendingDomain?> SetCheckedAsync(SendingDomain domain, bool isGood, string result, CancellationToken cancellation)
    {
        var now = await store.SetCheckedAsync(domain, isGood, result, time.GetUtcNow(), cancellation);
        known.Clear();
        return now;
    }

    /// <summary>The verified domains of all accounts, those that are in DNS.</summary>
    internal Task<IReadOnlyList<SendingDomain>> ListVerifiedAsync(CancellationToken cancellation) => store.ListVerifiedAsync(DemoName, cancellation);

    internal async Task SetRecheckedAsync(SendingDomain domain, Recheck found, CancellationToken cancellation)
    {
        await store.SetRecheckedAsync(domain, found, time.GetUtcNow(), cancellation);
        if (!found.Verified)
        {
            known.Clear();
        }
    }

    /// <summary>A domain as a person writes it, in the form that we keep.</summary>
    public static bool TryNormalize(string text, [NotNullWhen(true)] out string? name, [NotNullWhen(false)] out string? problem)
    {
        ArgumentNullException.ThrowIfNull(text);
        name = null;
        // Room for the return-path's label before it and the selector's.
        const int Longest = 200;
        if (text.Length is 0 or > Longest || text.AsSpan().ContainsAny("@/:"))
        {
            problem = Meant(text) is { } meant
                ? $"Found {(text.Contains('/', StringComparison.Ordinal) ? "a URL" : text.Contains('@', StringComparison.Ordinal) ? "an address" : "a host and port")}; expected its domain alone. Did you mean \"{meant}\"?"
                : $"Expected a domain such as example.com, of at most {Longest} characters.";
            return false;
        }

        if (!EmailAddress.TryParse("postmaster@" + text.Trim().TrimEnd('.'), out var address, out problem))
        {
            return false;
        }

        if (!address.Domain.Contains('.', StringComparison.Ordinal))
        {
            problem = "The domain has only one label.";
            return false;
        }

        name = address.Domain;
        return true;
    }

    /// <summary>The domain in a URL or an address; null when there is none.</summary>
    private static string? Meant(string text)
    {
        var scheme = text.IndexOf("://", StringComparison.Ordinal);
        var host = (scheme < 0 ? text : text[(scheme + 3)..]).Split('/', '?', '#')[0];
        host = host[(host.LastIndexOf('@') + 1)..].Split(':')[0];
        return host.Length > 0 && host != text && TryNormalize(host, out var name, out _) ? name : null;
    }

    /// <summary>The name and those above it that have at least two labels.</summary>
    internal static string[] WithParents(string name)
    {
        var names = new List<string>(4) { name };
        for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = name.IndexOf('.', dot + 1))
        {
            if (name.AsSpan(dot + 1).Contains('.'))
            {
                names.Add(name[(dot + 1)..]);
            }
        }

        return [.. names];
    }
}

/// <summary>The account has as many domains as it may have.</summary>
internal sealed class TooManyDomainsException()
    : Exception($"The account has {DomainStore.MostOfAccount} domains, the most it may have.");
