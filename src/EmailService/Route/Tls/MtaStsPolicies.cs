using System.Collections.Concurrent;
using EmailService.Dns;
using Npgsql;

namespace EmailService.Route;

/// <summary>Domain → MTA-STS policy. A policy that was fetched well holds for its max_age, whatever becomes of DNS and policy host meanwhile;
/// a new id in DNS makes us fetch anew. RFC 8461 §3.1, §3.3 and §5.1.</summary>
/// <remarks>Memory first, then the table (read whole, because it is small, and again now and then for what other nodes fetched), then the net.
/// One fetch per domain at a time.</remarks>
public sealed partial class MtaStsPolicies(
    IDnsResolver dns, MtaStsFetcher fetcher, MtaStsStore store, TimeProvider time, ILogger<MtaStsPolicies> logger) : IDisposable
{
    /// <summary>After a fetch that failed, the same id is not tried again for so long. RFC 8461 §3.3 asks for five minutes or more.</summary>
    public static readonly TimeSpan CoolDown = TimeSpan.FromMinutes(5);

    private const int MostFailures = 10_000;
    private static readonly TimeSpan ReloadEvery = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, CachedMtaSts> policies = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, (string Id, DateTimeOffset Until, string Problem)> failures = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, Lazy<Task>> fetches = new(StringComparer.OrdinalIgnoreCase);
    private readonly SemaphoreSlim loading = new(1, 1);
    private DateTimeOffset loadedAt = DateTimeOffset.MinValue;

    /// <summary>The policy that holds now, or null. Completes at once while DNS is cached and the policy known.</summary>
    public async ValueTask<CachedMtaSts?> FindAsync(string domain, CancellationToken cancellationToken)
    {
        if (loadedAt + ReloadEvery < time.GetUtcNow())
        {
            await LoadAsync(cancellationToken);
        }

        var id = MtaStsRecord.IdOf(await dns.QueryAsync($"_mta-sts.{domain}", DnsType.Txt, cancellationToken));
        var cached = Valid(domain);
        if (id is null || id == cached?.Id || IsCoolingDown(domain, id))
        {
            return cached;
        }

        // The fetch goes on for others if this caller gives up.
        var fetch = fetches.GetOrAdd(domain, key => new Lazy<Task>(() => FetchAsync(key, id)));
        await fetch.Value.WaitAsync(cancellationToken);
        return Valid(domain);
    }

    /// <summary>Fetches anew those that end soon, so that a domain in steady use is never without. For a recurring job, once a day or more
    /// often. RFC 8461 §10.2.</summary>
    /// <returns>How many were fetched, and how many failed.</returns>
    public async Task<(int Fetched, int Failed)> RefreshAsync(TimeSpan endingWithin, int most, CancellationToken cancellationToken)
    {
        var before = time.GetUtcNow() + endingWithin;
        var (fetched, failed) = (0, 0);
        foreach (var cached in policies.Values.Where(p => p.ExpiresAt < before).OrderBy(p => p.ExpiresAt).Take(most).ToList())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var id = MtaStsRecord.IdOf(await dns.QueryAsync($"_mta-sts.{cached.Domain}", DnsType.Txt, cancellationToken));
            await FetchAsync(cached.Domain, id ?? cached.Id);
            _ = policies.TryGetValue(cached.Domain, out var now) && now.FetchedAt > cached.FetchedAt ? fetched++ : failed++;
        }

        return (fetched, failed);
    }

    /// <summary>Why the last fetch for a domain failed, if it did and is not to be repeated yet.</summary>
    public string? LastProblem(string domain) => failures.TryGetValue(domain, out var failure) ? failure.Problem : null;

    public void Dispose() => loading.Dispose();

    private CachedMtaSts? Valid(string domain) =>
        policies.TryGetValue(domain, out var cached) && cached.ExpiresAt > time.GetUtcNow() ? cached : null;

    private bool IsCoolingDown(string domain, string id) =>
        failures.TryGetValue(domain, out var failure) && failure.Id == id && failure.Until > time.GetUtcNow();

    private async Task FetchAsync(string domain, string id)
    {
        await Task.Yield();
        try
        {
            var (policy, problem) = await fetcher.FetchAsync(domain, CancellationToken.None);
            var now = time.GetUtcNow();
            if (policy is not null)
            {
                var cached = new CachedMtaSts(domain.ToLowerInvariant(), id, policy, now, now + policy.MaxAge);
                policies[domain] = cached;
                failures.TryRemove(domain, out _);
                await store.SaveAsync(cached, CancellationToken.None);
                return;
            }

            if (failures.Count >= MostFailures)
            {
                failures.Clear();
            }

            failures[domain] = (id, now + CoolDown, problem!);
            LogNotFetched(domain, problem!);
            await store.FailedAsync(domain.ToLowerInvariant(), problem!, now, CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            LogNotStored(e, domain);
        }
        finally
        {
            fetches.TryRemove(domain, out _);
        }
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        // At the first time all wait for it; later on one reads anew and the others go on with what is there.
        if (!await loading.WaitAsync(loadedAt == DateTimeOffset.MinValue ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, cancellationToken))
        {
            return;
        }

        try
        {
            var now = time.GetUtcNow();
            if (loadedAt + ReloadEvery >= now)
            {
                return;
            }

            foreach (var cached in await store.AllAsync(now, cancellationToken))
            {
                policies.AddOrUpdate(cached.Domain, cached, (_, ours) => ours.FetchedAt >= cached.FetchedAt ? ours : cached);
            }

            foreach (var (domain, cached) in policies)
            {
                if (cached.ExpiresAt <= now)
                {
                    policies.TryRemove(domain, out _);
                }
            }

            loadedAt = now;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // Deliveries stop by themselves when outcomes can't be stored; what is in memory holds meanwhile.
            LogNotLoaded(e);
        }
        finally
        {
            loading.Release();
        }
    }

    [LoggerMessage(2701, LogLevel.Warning, "The MTA-STS policy of {Domain} could not be fetched: {Problem}")]
    private partial void LogNotFetched(string domain, string problem);

    [LoggerMessage(2702, LogLevel.Warning, "The MTA-STS policy of {Domain} could not be stored; it holds on this node until it ends")]
    private partial void LogNotStored(Exception exception, string domain);

    [LoggerMessage(2703, LogLevel.Warning, "The MTA-STS policies could not be read from the database")]
    private partial void LogNotLoaded(Exception exception);
}
