using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Platform.Http;
using Npgsql;

namespace EmailService.Report;

/// <summary>Answers "where is my mail?".</summary>
internal static class MessageEndpoints
{
    /// <summary><c>GET /v1/messages/{id}?n=</c></summary>
    public static async Task<IResult> FindAsync(string id, HttpContext context, MessageReportStore store)
    {
        var query = new QueryReader(context.Request.Query);
        var n = query.Value<short>("n", (string text, out short value) => short.TryParse(text, out value) && value >= 0, "a recipient's place, from 0");
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        var report = MessageReference.TryParse(id, out var messageId)
            ? await store.FindAsync(context.GetAccountId(), messageId, n, context.RequestAborted)
            : null;
        return report is null || (n is not null && report.Recipients.Count == 0)
            ? ApiErrors.NotFound("There is no such message.", "id")
            : Results.Json(report, ReportJson.Options);
    }

    /// <summary><c>GET /v1/messages?to=&amp;state=&amp;after=&amp;before=&amp;limit=&amp;cursor=</c></summary>
    public static async Task<IResult> SearchAsync(HttpContext context, MessageSearchStore store)
    {
        var query = new QueryReader(context.Request.Query);
        var wanted = new MessageQuery
        {
            AccountId = context.GetAccountId(),
            To = query.Address("to"),
            State = query.Value<StateName>("state", StateName.TryParse, $"one of {string.Join(", ", ReportedState.All)}")?.Name,
            After = query.Time("after"),
            Before = query.Time("before"),
            Limit = query.Number("limit", 20, 1, 100),
            Cursor = query.Value<RecipientId>("cursor", MessageReference.TryParseRecipient, "\"next\" of an earlier answer"),
        };
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        try
        {
            var (messages, next) = await store.SearchAsync(wanted, context.RequestAborted);
            return Results.Json(new Page(messages, next?.ToString()), ReportJson.Options);
        }
        catch (NpgsqlException e) when (e.InnerException is TimeoutException)
        {
            return ApiErrors.BadRequest([("to", "the search took too long; give a recipient, or a shorter time by after and before")]);
        }
    }

    private sealed record Page(IReadOnlyList<FoundMessage> Messages, string? Next);

    private readonly record struct StateName(string Name)
    {
        public static bool TryParse(string text, out StateName state)
        {
            state = new StateName(text);
            return ReportedState.All.Contains(text);
        }
    }
}
