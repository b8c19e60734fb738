using System.IO.Pipelines;
using System.Text;
using System.Text.Json;

namespace EmailService.Report.Tail;

/// <summary>Writes <c>text/event-stream</c> (WHATWG HTML, 9.2) to a reader who may be slow. Nothing is kept for it: what it does not take makes
/// the writing wait, and when that takes too long it is told so, and let go.</summary>
internal sealed class ServerSentEvents(PipeWriter body, TimeProvider time)
{
    /// <summary>A reader that takes longer for one page is not reading live.</summary>
    internal static readonly TimeSpan Slow = TimeSpan.FromSeconds(10);

    /// <summary>A reader that has taken nothing for so long is gone.</summary>
    internal static readonly TimeSpan Gone = TimeSpan.FromSeconds(30);

    private const int FlushAt = 16 * 1024;

    private int unflushed;

    /// <summary>How soon a reader that lost its connection should come back.</summary>
    public Task BeginAsync(CancellationToken cancel) => CommentAsync("retry: 2000\n\n", cancel);

    public Task HeartbeatAsync(CancellationToken cancel) => CommentAsync(":\n\n", cancel);

    /// <summary>False when the reader was too slow, and knows it now.</summary>
    /// <exception cref="OperationCanceledException">The reader is gone.</exception>
    public async Task<bool> WriteAsync(IReadOnlyList<FeedEvent> page, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        foreach (var told in page)
        {
            Add($"id: {told.Cursor}\nevent: attempt\ndata: {JsonSerializer.Serialize(told, ReportJson.Options)}\n\n");
            if (unflushed >= FlushAt)
            {
                await FlushAsync(cancel);
            }
        }

        await FlushAsync(cancel);
        if (time.GetElapsedTime(started) < Slow)
        {
            return true;
        }

        await EndAsync("you read too slowly; with the last id as Last-Event-ID you go on where you are", cancel);
        return false;
    }

    /// <summary>The last event of a stream that we end.</summary>
    public async Task EndAsync(string reason, CancellationToken cancel)
    {
        Add($"event: end\ndata: {JsonSerializer.Serialize(new { Reason = reason }, ReportJson.Options)}\n\n");
        await FlushAsync(cancel);
    }

    private async Task CommentAsync(string text, CancellationToken cancel)
    {
        Add(text);
        await FlushAsync(cancel);
    }

    // JSON as we write it has no line breaks, so one line of data is one event.
    private void Add(string text) => unflushed += (int)Encoding.UTF8.GetBytes(text, body);

    private async Task FlushAsync(CancellationToken cancel)
    {
        unflushed = 0;
        using var patience = new CancellationTokenSource(Gone, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        await body.FlushAsync(either.Token);
        either.Token.ThrowIfCancellationRequested();
    }
}
