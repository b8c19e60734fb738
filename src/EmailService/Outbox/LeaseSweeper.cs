using EmailService.Platform;

namespace EmailService.Outbox;

/// <summary>Takes back what is leased and held by nobody: by nodes that are gone, and by this node according to the table
/// but not according to its hand (a commit whose answer never came). Nothing is stranded; design, contract 2.</summary>
public sealed partial class LeaseSweeper(
    IOutboxStore store, Hand hand, INode node, StoreHealth health, OutboxOptions options, TimeProvider time,
    ILogger<LeaseSweeper> logger) : BackgroundService
{
    private const int MaxRows = 5000;

    /// <summary>A silence that no node has kept: only nodes that are marked as stopped count as gone.</summary>
    private static readonly TimeSpan SignedOffOnly = TimeSpan.FromDays(3650);
    private HashSet<Abandoned> suspects = [];
    private long suspectsKnownBy;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var healthySince = node.Clock.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(node.TimeToLive / 5, node.Clock, stoppingToken);
                if (!health.IsHealthy || !node.IsAlive)
                {
                    healthySince = node.Clock.GetTimestamp();
                    continue;
                }

                // After an outage of the store every node looks dead until it has said that it lives: wait as long as
                // a silent node keeps what it holds.
                // Those that signed off, or whose death is known, need no waiting.
                var isSettled = node.Clock.GetElapsedTime(healthySince) >= node.TimeToLive;
                await ReclaimAbandonedAsync(isSettled ? node.TimeToLive : SignedOffOnly, stoppingToken);

                await ReclaimLostAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogSweepFailed(exception);
                healthySince = node.Clock.GetTimestamp();
            }
        }
    }

    /// <summary>What dead nodes hold.</summary>
    public Task<int> ReclaimAbandonedAsync(CancellationToken cancellationToken) => ReclaimAbandonedAsync(node.TimeToLive, cancellationToken);

    private async Task<int> ReclaimAbandonedAsync(TimeSpan silence, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var leases = await store.FindAbandonedAsync(silence, now, MaxRows, node.NodeId, cancellationToken);
        return await ReclaimAsync(leases, now, cancellationToken);
    }

    /// <summary>What the table calls ours and we do not hold, twice in a row: between a commit and the hand there is a moment. As long as a claim is
    /// under way that moment lasts, however slow the answer.</summary>
    private async Task ReclaimLostAsync(CancellationToken cancellationToken)
    {
        var ours = await store.FindHeldByAsync(node.NodeId, cancellationToken);
        if (hand.ClaimsPast < suspectsKnownBy)
        {
            return;
        }

        var missing = ours.Where(l => !hand.Holds(l.Id)).ToHashSet();
        var lost = missing.Where(suspects.Contains).ToList();
        missing.ExceptWith(lost);
        suspects = missing;
        suspectsKnownBy = hand.ClaimsEndBy;
        await ReclaimAsync(lost, time.GetUtcNow(), cancellationToken);
    }

    private async Task<int> ReclaimAsync(IReadOnlyList<Abandoned> leases, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (leases.Count == 0)
        {
            return 0;
        }

        var count = await store.ReclaimAsync(
            [.. leases.Select(l => (l, now + RetrySchedule.DelayAfterCrash(l.Attempt, options)))], cancellationToken);
        LogReclaimed(count);
        return count;
    }

    [LoggerMessage(2001, LogLevel.Warning, "{Count} recipients were leased and held by nobody; they are in the queue again")]
    private partial void LogReclaimed(int count);

    [LoggerMessage(2002, LogLevel.Error, "The sweep for abandoned leases failed; trying again")]
    private partial void LogSweepFailed(Exception exception);
}
