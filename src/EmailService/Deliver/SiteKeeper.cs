using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>Keeps what is known of sites beyond the life of the process: reads it before delivery starts, writes what changed every half minute, and
/// hears by then what other processes found out. Beside the way of the mail: while the table can't be reached each process goes by what it knows.</summary>
public sealed partial class SiteKeeper(SiteStandings sites, ISiteStandingStore store, TimeProvider time, ILogger<SiteKeeper> logger) : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    /// <summary>A site that answers all day is written so often.</summary>
    internal static readonly TimeSpan WrittenAgainAfter = TimeSpan.FromHours(1);

    private readonly Dictionary<string, DateTimeOffset> written = [];
    private DateTimeOffset? heardUntil;

    /// <summary>Before any mail is delivered.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await LoadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Reads what is known, if that can be done.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => TryAsync(HearAsync, cancellationToken);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryAsync(TellAsync, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            if (!stoppingToken.IsCancellationRequested)
            {
                await TryAsync(TellAsync, stoppingToken);
                await TryAsync(HearAsync, stoppingToken);
            }
        }
    }

    private async Task TryAsync(Func<CancellationToken, Task> action, CancellationToken cancellation)
    {
        try
        {
            await action(cancellation);
        }
        catch (Exception exception)
        {
            LogNotKept(exception.Message);
        }
    }

    private async Task TellAsync(CancellationToken cancellation)
    {
        var known = sites.Known().ToDictionary(s => s.Site, s => s.AnsweredAt);
        List<(string Site, DateTimeOffset At)> answered =
            [.. from site in known where site.Value is { } at && at - written.GetValueOrDefault(site.Key) > WrittenAgainAfter select (site.Key, site.Value!.Value)];
        List<string> lost = [.. written.Keys.Where(site => known.GetValueOrDefault(site) is null)];
        if (answered.Count + lost.Count == 0)
        {
            return;
        }

        await store.WriteAsync(answered, lost, time.GetUtcNow(), cancellation);
        answered.ForEach(a => written[a.Site] = a.At);
        lost.ForEach(site => written.Remove(site));
    }

    /// <summary>With some minutes of what was read before: the time is that of the answer, and it is written later.</summary>
    private async Task HearAsync(CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var after = heardUntil is { } until ? until - (Interval * 4) : now - SiteStanding.Lasts;
        foreach (var (site, at) in await store.ReadAsync(after, SiteStandings.Most / 2, cancellation))
        {
            sites.Of(site).Heard(at);
            written.TryAdd(site, at);
        }

        heardUntil = now;
    }

    [LoggerMessage(3040, LogLevel.Warning, "Which mail sites answer could not be kept or read: {Problem}. Delivery goes on by what this process knows")]
    private partial void LogNotKept(string problem);
}
