using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Steer;

/// <summary>Retry now and expire. A key moves its own account's recipients only, whatever lane it names; all of them are the command
/// line's to move.</summary>
internal static class LeverEndpoints
{
    /// <summary>An answer should not take longer than callers wait.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary><c>POST /v1/messages/{id}/retry?n=</c></summary>
    public static Task<IResult> RetryMessageAsync(string id, HttpContext context, [FromServices] Levers levers, [FromServices] MessageOwners owners) =>
        OfMessageAsync(id, context, owners, levers.RetryAsync);

    /// <summary><c>POST /v1/messages/{id}/expire?n=</c></summary>
    public static Task<IResult> ExpireMessageAsync(string id, HttpContext context, [FromServices] Levers levers, [FromServices] MessageOwners owners) =>
        OfMessageAsync(id, context, owners, levers.ExpireAsync);

    /// <summary><c>POST /v1/messages/retry?domain=&amp;all=</c></summary>
    public static Task<IResult> RetryAsync(HttpContext context, [FromServices] Levers levers) => OfAccountAsync(context, levers.RetryAsync);

    /// <summary><c>POST /v1/messages/expire?domain=&amp;all=</c></summary>
    public static Task<IResult> ExpireAsync(HttpContext context, [FromServices] Levers levers) => OfAccountAsync(context, levers.ExpireAsync);

    /// <summary><c>POST /v1/lanes/{lane}/retry</c></summary>
    public static Task<IResult> RetryLaneAsync(string lane, HttpContext context, [FromServices] Levers levers, [FromServices] LaneFinder lanes) =>
        OfLaneAsync(lane, context, lanes, levers.RetryAsync);

    /// <summary><c>POST /v1/lanes/{lane}/expire</c></summary>
    public static Task<IResult> ExpireLaneAsync(string lane, HttpContext context, [FromServices] Levers levers, [FromServices] LaneFinder lanes) =>
        OfLaneAsync(lane, context, lanes, levers.ExpireAsync);

    private static async Task<IResult> OfMessageAsync(
        string id, HttpContext context, MessageOwners owners, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull)
    {
        var query = new QueryReader(context.Request.Query);
        var n = query.Value<short>("n", (string text, out short value) => short.TryParse(text, out value) && value >= 0, "a recipient's place, from 0");
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        var account = context.GetAccountId();
        return MessageId.TryParse(id, out var message) && await owners.OwnsAsync(account, message, context.RequestAborted)
            ? ApiJson.Result(await pull(new OutboxSelection { AccountId = account, Message = message, N = n }, Limit, context.RequestAborted))
            : ApiErrors.NotFound("There is no such message.", "id");
    }

    private static async Task<IResult> OfAccountAsync(HttpContext context, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull)
    {
        var query = new QueryReader(context.Request.Query);
        var domain = query.Domain("domain");
        var all = query.Value<bool>("all", bool.TryParse, "true") ?? false;
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        // A filter that was forgotten must not mean everything.
        return domain is null != all
            ? ApiErrors.BadRequest("Say which recipients are meant.", "domain", "Give domain=example.com, or all=true for every recipient of the account that waits; not both.")
            : ApiJson.Result(await pull(new OutboxSelection { AccountId = context.GetAccountId(), Domain = domain }, Limit, context.RequestAborted));
    }

    private static async Task<IResult> OfLaneAsync(
        string lane, HttpContext context, LaneFinder lanes, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull)
    {
        var query = new QueryReader(context.Request.Query);
        return query.Problems.Count > 0 ? ApiErrors.BadRequest(query.Problems)
            : await lanes.NamesAsync(lane, context.RequestAborted) is { } names
                ? ApiJson.Result(await pull(new OutboxSelection { AccountId = context.GetAccountId(), Lanes = names.InTable }, Limit, context.RequestAborted))
            : await LaneEndpoints.NotFoundAsync(lane, lanes, context.RequestAborted);
    }
}
