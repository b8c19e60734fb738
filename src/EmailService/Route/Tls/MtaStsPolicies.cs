using System.Collections.Concurrent;
using EmailService.Dns;
using EmailService.Platform;
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

    // A day, less what a run of the job may come early.
    private static readonly TimeSpan RefreshAfter = TimeSpan.FromHours(20);
    private const int AtOnce = 4;
    private const int LongestProblem = 500;
    private const int MostFailures = 10_000;
    private static readonly TimeSpan ReloadEvery = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, CachedMtaSts> policies = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, (string Id, DateTimeOffset Until, MtaStsProblem Problem)> failures = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, Lazy<Task>> fetches = new(StringComparer.OrdinalIgnoreCase);
    private readonly SemaphoreSlim loading = new(1, 1);
    private DateTimeOffset loadedAt = DateTimeOffset.MinValue;

    /// <summary>The policy that holds now, or why there is none though there should be; neither if the domain has none. Completes at once while DNS is cached and the policy known.</summary>
    public async ValueTask<(CachedMtaSts? Policy, MtaStsProblem? Problem)> FindAsync(string domain, CancellationToken cancellationToken)
    {
        if (loadedAt + ReloadEvery < time.GetUtcNow())
        {
            await LoadAsync(cancellationToken);
        }

        var id = MtaStsRecord.IdOf(await dns.QueryAsync($"_mta-sts.{domain}", DnsType.Txt, cancellationToken));
        var cached = Valid(domain);
        if (id is null || id == cached?.Id)
        {
            return (cached, null);
        }

        if (CoolingDown(domain, id) is { } problem)
        {
            return (cached, cached is null ? problem : null);
        }

        // The fetch goes on for others if this caller gives up.
        var fetch = fetches.GetOrAdd(domain, key => new Lazy<Task>(() => FetchAsync(key, id)));
        await fetch.Value.WaitAsync(cancellationToken);
        cached = Valid(domain);
        return (cached, cached is null ? CoolingDown(domain, id) : null);
    }

    /// <summary>Fetches anew those that are a day old, or half as old as they may become, whatever DNS says of them: who wants to keep a policy from us must
    /// then keep it away for all of its life. RFC 8461 §10.2. What can't be fetched stays as it is.</summary>
    /// <returns>How many were fetched, and how many failed.</returns>
    public async Task<(int Fetched, int Failed)> RefreshAsync(int most, CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken);
        var now = time.GetUtcNow();
        var (fetched, failed) = (0, 0);
        var old = policies.Values.Where(p => IsOld(p, now)).OrderBy(p => p.ExpiresAt).Take(most).ToList();
        await Parallel.ForEachAsync(old, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (cached, stop) =>
        {
            var id = MtaStsRecord.IdOf(await dns.QueryAsync($"_mta-sts.{cached.Domain}", DnsType.Txt, stop));
            await FetchAsync(cached.Domain, id ?? cached.Id);
            _ = policies.TryGetValue(cached.Domain, out var renewed) && renewed.FetchedAt > cached.FetchedAt
                ? Interlocked.Increment(ref fetched)
                : Interlocked.Increment(ref failed);
        });
        return (fetched, failed);
    }

    private static bool IsOld(CachedMtaSts cached, DateTimeOffset now) =>
        now - cached.FetchedAt >= (cached.Policy.MaxAge / 2 < RefreshAfter ? cached.Policy.MaxAge / 2 : RefreshAfter);

    public void Dispose() => loading.Dispose();

    private CachedMtaSts? Valid(string domain) =>
        policies.TryGetValue(domain, out var cached) && cached.ExpiresAt > time.GetUtcNow() ? cached : null;

    /// <summary>What the last fetch failed with, while it is not to be repeated.</summary>
    private MtaStsProblem? CoolingDown(string domain, string id) =>
        failures.TryGetValue(domain, out var failure) && failure.Id == id && failure.Until > time.GetUtcNow() ? failure.Problem : null;

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

            // It quotes what the other side sent.
            problem = problem! with { Text = OneLine.Of(problem.Text, LongestProblem) };
            failures[domain] = (id, now + CoolDown, problem);
            LogNotFetched(domain, problem.Text);
            await store.FailedAsync(domain.ToLowerInvariant(), problem.Text, now, CancellationToken.None);
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
