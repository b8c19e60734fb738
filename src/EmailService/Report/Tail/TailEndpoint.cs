using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EmailService.Report.Tail;

/// <summary><c>GET /v1/attempts/tail?domain=&amp;outcome=</c>: what comes of the account's attempts, as it happens. For an operator's key.</summary>
internal static class TailEndpoint
{
    private const string ContentType = "text/event-stream";

    public static async Task TailAsync(HttpContext context, AttemptTail tail, TimeProvider time, IHostApplicationLifetime lifetime)
    {
        var query = new QueryReader(context.Request.Query);
        var wanted = new TailQuery(
            context.GetAccountId(), query.Domain("domain"),
            query.Value<EventKind>("outcome", TryParse, $"one of {string.Join(", ", AttemptTail.Outcomes.Select(Names.ToName))}"));
        var problems = query.Problems.ToList();
        LogPosition? after = null;
        if (context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last)
        {
            if (LogPosition.TryParse(last, out var position))
            {
                after = position;
            }
            else
            {
                problems.Add(("Last-Event-ID", $"found \"{last}\", expected the id of an event of this stream"));
            }
        }

        if (problems.Count > 0)
        {
            await ApiErrors.BadRequest(problems).ExecuteAsync(context);
            return;
        }

        if (context.IsHead())
        {
            context.Response.ContentType = ContentType;
            return;
        }

        if (tail.TryEnter(wanted.AccountId!.Value) is { } refusal)
        {
            await ApiErrors.WriteAsync(context, StatusCodes.Status429TooManyRequests, refusal switch
            {
                TailRefusal.Account => $"{AttemptTail.MostReadersOfAccount} readers of this account follow its attempts at this process already.",
                TailRefusal.Process => $"{AttemptTail.MostReaders} readers follow the attempts of this process already.",
            }, help: "End one of them, or ask another process.");
            return;
        }

        try
        {
            await StreamAsync(context, tail, wanted, after, time, lifetime.ApplicationStopping);
        }
        catch (OperationCanceledException)
        {
            // The reader hung up, or takes nothing any more.
            context.Abort();
        }
        finally
        {
            tail.Leave(wanted.AccountId.Value);
        }
    }

    private static async Task StreamAsync(
        HttpContext context, AttemptTail tail, TailQuery query, LogPosition? after, TimeProvider time, CancellationToken stopping)
    {
        // Before the answer begins: who has it may send, and wants to see what comes of it.
        var cancel = context.RequestAborted;
        var from = after ?? await tail.NowAsync(cancel);
        context.Response.ContentType = ContentType;
        context.Response.Headers.CacheControl = "no-store";

        // A proxy that gathers the answer would show nothing for hours.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        var events = new ServerSentEvents(context.Response.BodyWriter, time);
        await events.BeginAsync(cancel);
        await foreach (var page in tail.PagesAsync(query, from, stopping, cancel))
        {
            if (page.Events.Count == 0)
            {
                await events.HeartbeatAsync(cancel);
            }
            else if (!await events.WriteAsync(page.Events, cancel))
            {
                return;
            }
        }

        await events.EndAsync("this process stops; come back with the last id as Last-Event-ID", cancel);
    }

    private static bool TryParse(string text, out EventKind kind) => Names.TryParseEventKind(text, out kind) && AttemptTail.Outcomes.Contains(kind);
}
