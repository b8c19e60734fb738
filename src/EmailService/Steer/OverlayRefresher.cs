using Npgsql;

namespace EmailService.Steer;

/// <summary>Keeps this node's view of the overlays like the table: at once when somebody says that it changed, and every second in any
/// case. While the database is gone, what is known stays in force until its end. Takes one connection for good.</summary>
/// <remarks>The wait is the machine's own time, not TimeProvider's: what others do does not wait for a test's clock.</remarks>
public sealed partial class OverlayRefresher(
    NpgsqlDataSource db, OverlayStore store, Overlays overlays, TimeProvider time, ILogger<OverlayRefresher> logger) : BackgroundService
{
    private const int PollMilliseconds = 1000;

    private static readonly TimeSpan Cleaning = TimeSpan.FromMinutes(1);

    private const string ListenSql = $"LISTEN {OverlayStore.Channel}";

    /// <summary>Known before the first message starts.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        var reading = overlays.BeginReading();
        overlays.Set(await store.InForceAsync(time.GetUtcNow(), cancellationToken), reading);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(stoppingToken);
            }
            catch (Exception exception)
            {
                if (!stoppingToken.IsCancellationRequested)
                {
                    LogLost(exception.Message);
                    await Task.Delay(PollMilliseconds, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }
    }

    private async Task FollowAsync(CancellationToken stopping)
    {
        await using var connection = await db.OpenConnectionAsync(stopping);
        await using (var listen = new NpgsqlCommand(ListenSql, connection))
        {
            await listen.ExecuteNonQueryAsync(stopping);
        }

        var cleaned = DateTimeOffset.MinValue;
        while (true)
        {
            var now = time.GetUtcNow();
            var reading = overlays.BeginReading();
            overlays.Set(await OverlayStore.InForceAsync(connection, now, stopping), reading);
            if (now - cleaned >= Cleaning)
            {
                await store.RemoveEndedAsync(now, stopping);
                cleaned = now;
            }

            await connection.WaitAsync(PollMilliseconds, stopping);
        }
    }

    [LoggerMessage(3504, LogLevel.Warning, "Overlays cannot be read; those known stay in force until their end: {Problem}")]
    private partial void LogLost(string problem);
}
