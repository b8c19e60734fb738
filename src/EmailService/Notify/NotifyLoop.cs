using EmailService.Platform;
using Npgsql;

namespace EmailService.Notify;

/// <summary>Looks for webhooks that have something to send, and sends for many of them at once.</summary>
internal sealed partial class NotifyLoop(
    WebhookQueue queue, WebhookWorker worker, EventSignal signal, NodeRegistry node, NotifyOptions options, TimeProvider time,
    ILogger<NotifyLoop> logger) : BackgroundService
{
    private static readonly TimeSpan pruneEvery = TimeSpan.FromHours(1);

    private readonly Slots healthy = new(options.Concurrency);
    private readonly Slots failing = new(options.FailingConcurrency);
    private DateTimeOffset nextPrune;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var seen = signal.Version;
                await LookAsync(stoppingToken);
                await signal.WaitAsync(seen, options.Poll, stoppingToken);
                await Task.Delay(options.Gather, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is on its way is answered and settled first; each has a deadline of its own.
            await Task.WhenAll(healthy.Running.Concat(failing.Running));
        }
    }

    private async Task LookAsync(CancellationToken stopping)
    {
        try
        {
            await StartAsync(healthy, isFailing: false, stopping);
            await StartAsync(failing, isFailing: true, stopping);
            if (time.GetUtcNow() >= nextPrune)
            {
                nextPrune = time.GetUtcNow() + pruneEvery;
                await queue.PruneAsync(time.GetUtcNow() - options.KeepDeliveries, stopping);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            LogStoreFailed(e.Message);
        }
    }

    private async Task StartAsync(Slots slots, bool isFailing, CancellationToken stopping)
    {
        var free = slots.Free();
        if (free == 0)
        {
            return;
        }

        foreach (var claim in await queue.ClaimAsync(node.NodeId, time.GetUtcNow(), options.Lease, isFailing, free, stopping))
        {
            slots.Running.Add(Task.Run(() => SendAsync(claim, stopping), CancellationToken.None));
        }
    }

    private async Task SendAsync(Claim claim, CancellationToken stopping)
    {
        try
        {
            await worker.SendNextAsync(claim, stopping);

            // There may be more, and a slot is free.
            signal.Raise();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Nothing was posted; the lease runs out.
        }
        catch (Exception e)
        {
            // A bug or a broken database ends this batch, not the others. The lease runs out and the batch is sent again.
            LogBroken(claim.WebhookId, e);
        }
    }

    /// <summary>A bound on what runs at once. Used by the loop alone.</summary>
    private sealed class Slots(int capacity)
    {
        public List<Task> Running { get; } = [];

        public int Free()
        {
            Running.RemoveAll(task => task.IsCompleted);
            return capacity - Running.Count;
        }
    }

    [LoggerMessage(6003, LogLevel.Warning, "Webhooks wait: the database did not answer ({Problem})")]
    private partial void LogStoreFailed(string problem);

    [LoggerMessage(6004, LogLevel.Error, "A batch of webhook {WebhookId} broke off; it is sent again when its lease ends")]
    private partial void LogBroken(long webhookId, Exception exception);
}
