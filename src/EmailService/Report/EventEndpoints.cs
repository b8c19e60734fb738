using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Platform.Http;

namespace EmailService.Report;

/// <summary><c>GET /v1/events?after=&amp;limit=&amp;wait=&amp;kind=&amp;message_id=</c>: the log as a feed to pull.</summary>
internal static class EventEndpoints
{
    public static async Task<IResult> ReadAsync(
        HttpContext context, EventFeed feed, IHostApplicationLifetime lifetime)
    {
        var query = new QueryReader(context.Request.Query);
        var wanted = new EventQuery
        {
            AccountId = context.GetAccountId(),
            After = query.Value<LogPosition>("after", LogPosition.TryParse, "\"next\" or \"cursor\" of an earlier answer") ?? LogPosition.Start,
            Limit = query.Number("limit", 100, 1, 1000),
            Kind = query.Value<EventKind>("kind", Names.TryParseEventKind, $"one of {string.Join(", ", Enum.GetValues<EventKind>().Select(Names.ToName))}"),
            MessageId = query.Value<MessageId>("message_id", MessageReference.TryParse, "a message id"),
        };
        var wait = TimeSpan.FromSeconds(query.Number("wait", 0, 0, 30));
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        // A reader that waits must not hold up our stopping: it gets its empty page at once.
        var page = await feed.ReadAsync(wanted, wait, lifetime.ApplicationStopping, context.RequestAborted);
        return Results.Json(new Page(page.Events, page.Next.ToString()), ReportJson.Options);
    }

    private sealed record Page(IReadOnlyList<FeedEvent> Events, string Next);
}
