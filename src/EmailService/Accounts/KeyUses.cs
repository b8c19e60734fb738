using System.Collections.Concurrent;

namespace EmailService.Accounts;

/// <summary>The last use of each key, in memory until it is stored. Only keys that are good come here, once a minute each.</summary>
internal sealed class KeyUses(TimeProvider time)
{
    /// <summary>Past so many keys between two storings a use is not noted: it is next minute.</summary>
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<string, long> minutes = new(StringComparer.Ordinal);

    /// <summary>On the way of each request: a look at the clock and a comparison, unless the minute is new.</summary>
    public void Note(KnownKey key)
    {
        var minute = time.GetUtcNow().Ticks / TimeSpan.TicksPerMinute;
        if (key.IsFirstOf(minute) && (minutes.ContainsKey(key.Id) || minutes.Count < Most))
        {
            minutes[key.Id] = minute;
        }
    }

    /// <summary>When a key was last used, as far as that is not stored yet.</summary>
    public DateTimeOffset? Of(string id) => minutes.TryGetValue(id, out var minute) ? TimeOf(minute) : null;

    /// <summary>Hands over what is to be stored. Give back what could not be.</summary>
    public IReadOnlyList<(string Id, DateTimeOffset At)> Take()
    {
        var taken = new List<(string, DateTimeOffset)>();
        foreach (var use in minutes)
        {
            // Unless it has changed since.
            if (minutes.TryRemove(use))
            {
                taken.Add((use.Key, TimeOf(use.Value)));
            }
        }

        return taken;
    }

    public void GiveBack(IReadOnlyList<(string Id, DateTimeOffset At)> uses)
    {
        foreach (var (id, at) in uses)
        {
            minutes.TryAdd(id, at.Ticks / TimeSpan.TicksPerMinute);
        }
    }

    private static DateTimeOffset TimeOf(long minute) => new(minute * TimeSpan.TicksPerMinute, TimeSpan.Zero);
}

/// <summary>Stores once a minute, and at the stop, which keys were used: one statement for all of them. A process that is killed
/// forgets the last minute.</summary>
internal sealed partial class KeyUseWriter(ApiKeys keys, TimeProvider time, ILogger<KeyUseWriter> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await StoreAsync(stoppingToken);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);

        // A database that does not answer must not hold up the stop for this.
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        await StoreAsync(either.Token);
    }

    private async Task StoreAsync(CancellationToken cancellationToken)
    {
        try
        {
            await keys.StoreUsesAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            LogNotStored(exception.Message);
        }
    }

    [LoggerMessage(8022, LogLevel.Debug, "When API keys were last used could not be stored and is tried again in a minute: {Problem}")]
    private partial void LogNotStored(string problem);
}
