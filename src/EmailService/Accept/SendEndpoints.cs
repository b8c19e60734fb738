using System.Security.Cryptography;
using System.Text;
using EmailService.Accounts;
using EmailService.Egress;
using EmailService.Platform.Http;

namespace EmailService.Accept;

/// <summary><c>POST /v1/send</c>, and SendGrid's <c>POST /v3/mail/send</c>, whose 202 has no body and which passes over unknown fields.</summary>
/// <remarks>Routing has answered 404 and 405 before, and <see cref="ApiKeyAuthentication"/> 401. Then, in this order: 415, 413, 408
/// or 503, 400, 403, 409 or 503, 202.</remarks>
internal static class SendEndpoints
{
    /// <summary>30 MB, as mail hosts count it; SendGrid's limit.</summary>
    public const int MostOctets = 30 * 1024 * 1024;

    private const int MostCharactersOfKey = 255;
    private const string NotVerified = "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.";

    public static void MapSend(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/send", context => SendAsync(context, SendApi.V1)).RequireApiKey();
        app.MapPost("/v3/mail/send", context => SendAsync(context, SendApi.SendGrid)).RequireApiKey();
    }

    private static async Task SendAsync(HttpContext context, SendApi api)
    {
        // 1. The whole body, if it is JSON, within its limit. Its buffer is given back as soon as it is read, its room when it is answered.
        var accountId = context.GetAccountId();
        var room = context.RequestServices.GetRequiredService<AcceptRoom>();
        using var body = await RequestBody.ReadJsonAsync(context.Request, MostOctets, context.RequestAborted, room.Reading, accountId);
        if (body.Problem != BodyProblem.None)
        {
            await RefuseBodyAsync(context, body.Problem);
            return;
        }

        // A large one waits for memory for what is made of it, holding nothing but its octets.
        using var place = body.IsLarge ? await room.WaitToStoreAsync(accountId, body.Memory.Length, context.RequestAborted) : null;
        if (body.IsLarge && place is null)
        {
            await RefuseBodyAsync(context, BodyProblem.NoRoom);
            return;
        }

        if (body.IsLarge && RequestShape.HasTooManyValues(body.Memory.Span))
        {
            await ApiErrors.WriteAsync(context, StatusCodes.Status400BadRequest, $"The request has more than {RequestShape.MostValues} values.",
                help: "Split it into several requests.");
            return;
        }

        // 2. All that is wrong with it, at once.
        var now = context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var pools = context.RequestServices.GetRequiredService<EgressTable>().PoolNames;
        if (!SendRequestReader.TryRead(body.Memory, now, pools, api, out var request, out var errors))
        {
            await ApiErrors.WriteAsync(context, StatusCodes.Status400BadRequest, errors);
            return;
        }

        if (!TryReadKey(context.Request, body.Memory.Span, out var key))
        {
            await ApiErrors.WriteAsync(context, StatusCodes.Status400BadRequest,
                $"The header Idempotency-Key must have 1 to {MostCharactersOfKey} visible ASCII characters, and stand once.");
            return;
        }

        body.ReturnBuffer();

        // 3. Whether the account may send as that domain.
        if (await FindRefusedSenderAsync(context, accountId, request) is { } refused)
        {
            await ApiErrors.WriteAsync(context, StatusCodes.Status403Forbidden, NotVerified, "from", refused);
            return;
        }

        if (request.Sandbox)
        {
            context.Response.StatusCode = StatusCodes.Status200OK;
            context.Response.ContentLength = 0;
            return;
        }

        // 4. Responsibility. No token of the caller's: what is committed is sent, whether or not somebody waits for the answer.
        var worker = context.RequestServices.GetRequiredService<AcceptWorker>();
        var result = await worker.AcceptAsync(accountId, request, key, CancellationToken.None);

        // Whoever reads the answer slowly holds up nobody.
        place?.Dispose();
        await AnswerAsync(context, result, answerHasBody: api == SendApi.V1);
    }

    private static Task AnswerAsync(HttpContext context, AcceptResult result, bool answerHasBody) => result switch
    {
        AcceptResult.Accepted accepted => AcceptedAsync(context, accepted, answerHasBody),
        AcceptResult.IdempotencyConflict conflict => ApiErrors.WriteAsync(context, StatusCodes.Status409Conflict,
            "This Idempotency-Key was used for a request with another body.", help:
            $"That request was accepted as {conflict.RequestId}. Use a new key for a new request, and the same body for a repeated one."),
        AcceptResult.Unavailable unavailable => ApiErrors.WriteUnavailableAsync(context, unavailable.Reason),
        _ => throw new InvalidOperationException(result.GetType().Name),
    };

    private static Task AcceptedAsync(HttpContext context, AcceptResult.Accepted accepted, bool answerHasBody)
    {
        var response = context.Response;
        response.StatusCode = StatusCodes.Status202Accepted;
        response.Headers["X-Message-Id"] = accepted.RequestId.ToString();
        if (accepted.Repeated)
        {
            response.Headers["Idempotent-Replay"] = "true";
        }

        if (!answerHasBody)
        {
            response.ContentLength = 0;
            return Task.CompletedTask;
        }

        var body = Encoding.UTF8.GetBytes(accepted.AnswerJson);
        response.ContentType = ApiErrors.ContentType;
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static Task RefuseBodyAsync(HttpContext context, BodyProblem problem)
    {
        switch (problem)
        {
            case BodyProblem.TooLarge:
                // The rest of it is not read; the connection cannot be used again.
                context.Response.Headers.Connection = "close";
                return ApiErrors.WriteAsync(context, StatusCodes.Status413PayloadTooLarge, "content too large",
                    help: $"A request may have {MostOctets} octets, attachments in base64 included.");
            case BodyProblem.NoRoom:
                // The connection stays open, so that what still comes is read and dropped: a caller that sends first and reads then would see a
                // broken connection instead of this answer.
                context.RequestServices.GetRequiredService<AcceptMetrics>().Refused.Add(1);
                return ApiErrors.WriteUnavailableAsync(context, "too many large requests are being taken; try again in a few seconds");
            default:
                return new BodyRefusal(problem, MostOctets).ExecuteAsync(context);
        }
    }

    private static bool TryReadKey(HttpRequest request, ReadOnlySpan<byte> body, out IdempotencyKey? key)
    {
        key = null;
        var values = request.Headers["Idempotency-Key"];
        if (values.Count == 0)
        {
            return true;
        }

        if (values.Count > 1 || values[0] is not { Length: > 0 and <= MostCharactersOfKey } text
            || text.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }

        // Of the inflated body: two gzips of one text differ in their time stamps.
        key = new IdempotencyKey(text, SHA256.HashData(body));
        return true;
    }

    /// <summary>Null when all senders are fine, else what to do about the first that is not.</summary>
    private static async ValueTask<string?> FindRefusedSenderAsync(HttpContext context, int accountId, SendRequest request)
    {
        var domains = context.RequestServices.GetRequiredService<SendingDomains>();
        var first = request.Content.From.Domain;
        if (await WhatIsWrongAsync(domains, accountId, first, context.RequestAborted) is { } problem)
        {
            return problem;
        }

        HashSet<string>? others = null;
        for (var i = 0; i < request.Messages.Count; i++)
        {
            if (request.Messages[i].Personalization.From?.Domain is { } other && other != first && (others ??= []).Add(other)
                && await WhatIsWrongAsync(domains, accountId, other, context.RequestAborted) is { } otherProblem)
            {
                return otherProblem;
            }
        }

        return null;
    }

    private static async ValueTask<string?> WhatIsWrongAsync(
        SendingDomains domains, int accountId, string domain, CancellationToken cancellation) =>
        await domains.FindAsync(accountId, domain, cancellation) switch
        {
            null when OthersDomains.WhyNot(domain) is { } others => others,
            null => $"The account has no domain {domain}. Add it with POST /v1/domains, publish its DNS records, and verify it.",
            { Verified: false, Name: SendingDomains.DemoName } => "The demo domain works only while live delivery is off. Add a domain of yours with POST /v1/domains.",
            { Verified: false } found => $"The domain {found.Name} is not verified yet. GET /v1/domains/{found.Name} shows the records to publish, POST /v1/domains/{found.Name}/verify checks them.",
            _ => null,
        };
}
