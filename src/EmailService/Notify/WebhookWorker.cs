namespace EmailService.Notify;

/// <summary>Sends one batch for a webhook that was claimed, and settles it.</summary>
internal sealed partial class WebhookWorker(
    WebhookQueue queue, WebhookSender sender, NotifyOptions options, TimeProvider time, ILogger<WebhookWorker> logger)
{
    /// <summary>Reads, posts, settles: in this order, so a crash at any line sends the same events again under the same
    /// ids, and never none.</summary>
    public async Task SendNextAsync(Claim claim, CancellationToken stopping)
    {
        var page = await queue.ReadAsync(claim, options.BatchSize, stopping);
        if (page.Events.Count == 0)
        {
            await queue.SettleAsync(claim, new Settlement { Cursor = page.End, Failures = claim.Failures });
            return;
        }

        var batch = EventBatch.Write(page.Events, options.BatchBytes);
        var sent = page.Events.Take(batch.Count).ToList();
        var end = sent.Count == page.Events.Count ? page.End : sent[^1].Place;

        // A database that took long to answer has used up the lease: leave the webhook to whoever claims it next.
        var startedAt = time.GetUtcNow();
        if (startedAt + options.Timeout >= claim.LeasedUntil)
        {
            return;
        }

        var answer = await sender.PostAsync(claim.Url, claim.PrivateKey, batch.Body);

        var settlement = Verdict.Of(claim, sent, end, answer, startedAt, time.GetUtcNow(), options, Random.Shared.NextDouble());
        if (!await queue.SettleAsync(claim, settlement))
        {
            LogLeaseLost(claim.WebhookId);
        }
        else if (!answer.IsTaken)
        {
            LogFailed(claim.WebhookId, sent.Count, settlement.Failures, settlement.NextTryAt, answer.Error);
        }
    }

    [LoggerMessage(6001, LogLevel.Warning, "Webhook {WebhookId} did not take {Events} events (failure {Failures} in a row, next try {NextTryAt}): {Error}")]
    private partial void LogFailed(long webhookId, int events, int failures, DateTimeOffset? nextTryAt, string? error);

    [LoggerMessage(6002, LogLevel.Warning, "The lease of webhook {WebhookId} had ended before its request was settled; its events are sent again")]
    private partial void LogLeaseLost(long webhookId);
}
