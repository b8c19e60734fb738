using System.Globalization;
using EmailService.Accounts;
using EmailService.Platform.Http;

namespace EmailService.Notify;

/// <summary><c>/v1/webhooks</c>: where an account's events are sent, and what came of sending them.</summary>
public static class WebhookEndpoints
{
    private const int MaxDeliveries = 500;

    public static void MapNotify(this WebApplication app)
    {
        app.MapGet("/v1/webhooks", ListAsync).RequireApiKey();
        app.MapPost("/v1/webhooks", AddAsync).RequireApiKey();
        app.MapGet("/v1/webhooks/{id:long}", FindAsync).RequireApiKey();
        app.MapPatch("/v1/webhooks/{id:long}", ChangeAsync).RequireApiKey();
        app.MapDelete("/v1/webhooks/{id:long}", RemoveAsync).RequireApiKey();
        app.MapGet("/v1/webhooks/{id:long}/deliveries", DeliveriesAsync).RequireApiKey();
        app.MapPost("/v1/webhooks/{id:long}/test", TestAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(HttpContext context, WebhookStore store)
    {
        var webhooks = await store.ListAsync(context.GetAccountId(), context.RequestAborted);
        return Results.Json(new { webhooks = webhooks.Select(Show) });
    }

    private static async Task<IResult> AddAsync(HttpContext context, WebhookStore store, NotifyOptions options)
    {
        var (change, refusal) = await ReadBodyAsync(context, isNew: true);
        if (change is null)
        {
            return refusal!;
        }

        try
        {
            var webhook = await store.AddAsync(
                context.GetAccountId(), change.Url!, change.Kinds ?? WebhookStore.DefaultKinds, change.Enabled ?? true, context.RequestAborted);
            if (webhook is null)
            {
                return ApiErrors.Result(StatusCodes.Status409Conflict, $"The account has {options.MaxPerAccount} webhooks, the most it may have", null,
                    "Delete one, or have the operator raise EmailService:Notify:MaxPerAccount.");
            }

            Log(context, webhook.Id, "added");
            return Results.Json(Show(webhook), statusCode: StatusCodes.Status201Created);
        }
        catch (UrlTakenException e)
        {
            return ApiErrors.Conflict(e.Message, "url");
        }
    }

    private static async Task<IResult> FindAsync(HttpContext context, long id, WebhookStore store) =>
        await store.FindAsync(context.GetAccountId(), id, context.RequestAborted) is { } webhook
            ? Results.Json(Show(webhook))
            : NoSuch(id);

    private static async Task<IResult> ChangeAsync(HttpContext context, long id, WebhookStore store)
    {
        var (change, refusal) = await ReadBodyAsync(context, isNew: false);
        if (change is null)
        {
            return refusal!;
        }

        try
        {
            if (await store.ChangeAsync(context.GetAccountId(), id, change, context.RequestAborted) is not { } webhook)
            {
                return NoSuch(id);
            }

            Log(context, id, "changed");
            return Results.Json(Show(webhook));
        }
        catch (UrlTakenException e)
        {
            return ApiErrors.Conflict(e.Message, "url");
        }
    }

    private static async Task<IResult> RemoveAsync(HttpContext context, long id, WebhookStore store)
    {
        if (!await store.RemoveAsync(context.GetAccountId(), id, context.RequestAborted))
        {
            return NoSuch(id);
        }

        Log(context, id, "removed");
        return Results.NoContent();
    }

    // By its number: a URL may hold a secret of the receiver's.
    private static void Log(HttpContext context, long id, string action) =>
        context.LogChange("webhook", id.ToString(CultureInfo.InvariantCulture), action);

    private static async Task<IResult> DeliveriesAsync(HttpContext context, long id, WebhookStore store)
    {
        var errors = new List<FieldError>();
        var limit = ReadNumber(context, "limit", 50, 1, MaxDeliveries, errors);
        var before = ReadNumber(context, "before", long.MaxValue, 1, long.MaxValue, errors);
        if (errors.Count > 0)
        {
            return ApiErrors.Result(StatusCodes.Status400BadRequest, errors);
        }

        if (await store.FindAsync(context.GetAccountId(), id, context.RequestAborted) is null)
        {
            return NoSuch(id);
        }

        var deliveries = await store.DeliveriesAsync(id, before, (int)limit, context.RequestAborted);
        return Results.Json(new
        {
            deliveries = deliveries.Select(Show),
            next_before = deliveries.Count == limit ? deliveries[^1].Id : (long?)null,
        });
    }

    // Answers 200 whatever the receiver said: the question was what it says.
    private static async Task<IResult> TestAsync(
        HttpContext context, long id, WebhookStore store, WebhookSender sender, NotifyOptions options, TimeProvider time)
    {
        var account = context.GetAccountId();
        if (await store.FindAsync(account, id, context.RequestAborted) is not { } webhook
            || await store.PrivateKeyAsync(account, id, context.RequestAborted) is not { } key)
        {
            return NoSuch(id);
        }

        var batch = EventBatch.Write(SampleEvents.Of(account, webhook.Kinds, time.GetUtcNow()), options.BatchBytes);
        var answer = await sender.PostAsync(webhook.Url, key, batch.Body);
        return Results.Json(new
        {
            delivered = answer.IsTaken,
            status_code = answer.StatusCode,
            error = answer.Error,
            duration_ms = answer.DurationMs,
            event_count = batch.Count,
        });
    }

    private static async Task<(WebhookChange? Change, IResult? Refusal)> ReadBodyAsync(HttpContext context, bool isNew)
    {
        using var body = await RequestBody.ReadJsonAsync(context.Request, WebhookRequest.MaxBytes, context.RequestAborted);
        if (body.Problem != BodyProblem.None)
        {
            return (null, new BodyRefusal(body.Problem, WebhookRequest.MaxBytes));
        }

        var (change, errors) = WebhookRequest.Read(body.Memory, isNew);
        return errors.Count > 0 ? (null, ApiErrors.Result(StatusCodes.Status400BadRequest, errors)) : (change, null);
    }

    private static long ReadNumber(HttpContext context, string name, long byDefault, long min, long max, List<FieldError> errors)
    {
        if (context.Request.Query[name].FirstOrDefault() is not { } text)
        {
            return byDefault;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
        {
            return number;
        }

        errors.Add(new FieldError($"{name} must be a whole number from {min} to {max}", name));
        return byDefault;
    }

    private static IResult NoSuch(long id) => ApiErrors.NotFound($"There is no webhook {id}", "id");

    private static object Show(Webhook webhook) => new
    {
        id = webhook.Id,
        url = webhook.Url,
        enabled = webhook.Enabled,
        kinds = webhook.Kinds,
        public_key = Convert.ToBase64String(webhook.PublicKey),
        created_at = webhook.CreatedAt.UtcDateTime,
        failures = webhook.Failures,
        next_try_at = webhook.NextTryAt?.UtcDateTime,
    };

    private static object Show(Delivery delivery) => new
    {
        id = delivery.Id,
        at = delivery.At.UtcDateTime,
        duration_ms = delivery.DurationMs,
        event_count = delivery.EventCount,
        first_event = delivery.FirstEvent,
        last_event = delivery.LastEvent,
        outcome = delivery.Outcome,
        status_code = delivery.StatusCode,
        error = delivery.Error,
    };
}
