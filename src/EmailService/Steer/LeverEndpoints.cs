using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Steer;

/// <summary>Retry now and expire. A key moves its own account's recipients only, an operator's too; all of them are the command line's to
/// move. Only an operator's key names lanes, and ends their rests: other accounts' mail is in them.</summary>
internal static class LeverEndpoints
{
    /// <summary>An answer should not take longer than callers wait.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary><c>POST /v1/messages/{id}/retry?n=</c></summary>
    public static Task<IResult> RetryMessageAsync(string id, HttpContext context, [FromServices] Levers levers, [FromServices] MessageOwners owners) =>
        OfMessageAsync(id, context, owners, "retried", RetryOf(context, levers));

    /// <summary><c>POST /v1/messages/{id}/expire?n=</c></summary>
    public static Task<IResult> ExpireMessageAsync(string id, HttpContext context, [FromServices] Levers levers, [FromServices] MessageOwners owners) =>
        OfMessageAsync(id, context, owners, "expired", levers.ExpireAsync);

    /// <summary><c>POST /v1/messages/retry?domain=&amp;all=</c></summary>
    public static Task<IResult> RetryAsync(HttpContext context, [FromServices] Levers levers) => OfAccountAsync(context, "retried", RetryOf(context, levers));

    /// <summary><c>POST /v1/messages/expire?domain=&amp;all=</c></summary>
    public static Task<IResult> ExpireAsync(HttpContext context, [FromServices] Levers levers) => OfAccountAsync(context, "expired", levers.ExpireAsync);

    /// <summary><c>POST /v1/lanes/{lane}/retry</c></summary>
    public static Task<IResult> RetryLaneAsync(string lane, HttpContext context, [FromServices] Levers levers, [FromServices] LaneFinder lanes) =>
        OfLaneAsync(lane, context, lanes, "retried", RetryOf(context, levers));

    /// <summary><c>POST /v1/lanes/{lane}/expire</c></summary>
    public static Task<IResult> ExpireLaneAsync(string lane, HttpContext context, [FromServices] Levers levers, [FromServices] LaneFinder lanes) =>
        OfLaneAsync(lane, context, lanes, "expired", levers.ExpireAsync);

    private static Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> RetryOf(HttpContext context, Levers levers) =>
        (selection, limit, cancellation) => levers.RetryAsync(selection, limit, endRests: context.IsOperator(), cancellation);

    private static async Task<IResult> OfMessageAsync(
        string id, HttpContext context, MessageOwners owners, string action, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull)
    {
        var query = new QueryReader(context.Request.Query);
        var n = query.Value<short>("n", (string text, out short value) => short.TryParse(text, out value) && value >= 0, "a recipient's place, from 0");
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        var account = context.GetAccountId();
        return MessageId.TryParse(id, out var message) && await owners.OwnsAsync(account, message, context.RequestAborted)
            ? await PullAsync(context, $"of message {message}", action, pull, new OutboxSelection { AccountId = account, Message = message, N = n })
            : ApiErrors.NotFound("There is no such message.", "id");
    }

    private static async Task<IResult> OfAccountAsync(HttpContext context, string action, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull)
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
            : await PullAsync(context, domain is null ? "of the account" : $"at {domain}", action, pull, new OutboxSelection { AccountId = context.GetAccountId(), Domain = domain });
    }

    private static async Task<IResult> OfLaneAsync(
        string lane, HttpContext context, LaneFinder lanes, string action, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull)
    {
        var query = new QueryReader(context.Request.Query);
        return query.Problems.Count > 0 ? ApiErrors.BadRequest(query.Problems)
            : await lanes.NamesAsync(lane, context.RequestAborted) is { } names
                ? await PullAsync(context, $"in lane {lane}", action, pull, new OutboxSelection { AccountId = context.GetAccountId(), Lanes = names.InTable })
            : await LaneEndpoints.NotFoundAsync(lane, lanes, context.RequestAborted);
    }

    private static async Task<IResult> PullAsync(
        HttpContext context, string which, string action, Func<OutboxSelection, TimeSpan, CancellationToken, Task<Pulled>> pull, OutboxSelection selection)
    {
        var pulled = await pull(selection, Limit, context.RequestAborted);
        if (pulled.Changed > 0)
        {
            context.LogChange("recipients", $"{which} ({pulled.Changed})", action);
        }

        return ApiJson.Result(pulled);
    }
}
