using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary><c>/v1/keys</c>: the account's API keys.</summary>
internal static class KeyEndpoints
{
    private const int MostOfPage = 1000;

    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/keys", ListAsync).RequireApiKey();
        app.MapPost("/v1/keys", CreateAsync).Limit(CostlyCall.MakeKey).RequireApiKey();
        app.MapPost("/v1/keys/revoke-others", RevokeOthersAsync).RequireApiKey();
        app.MapDelete("/v1/keys/{id}", RevokeAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(HttpContext context, ApiKeys keys, CancellationToken cancellation)
    {
        var query = new QueryReader(context.Request.Query);
        var (after, limit) = (query.Text("after"), query.Number("limit", 100, 1, MostOfPage));
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        var found = await keys.ListAsync(context.GetAccountId(), after, limit + 1, cancellation);
        return ApiJson.Result(new { Keys = found.Take(limit), Next = found.Count > limit ? found[limit - 1].Id : null });
    }

    private static async Task<IResult> CreateAsync(HttpContext context, ApiKeys keys, CancellationToken cancellation)
    {
        var (name, isOperator, refusal) = await ApiJson.ReadTextAndFlagAsync(context, "name", "operator");
        if (refusal is not null)
        {
            return refusal;
        }

        if (ApiKeys.NameProblem(name!) is { } problem)
        {
            return ApiErrors.BadRequest($"The name must have 1 to {ApiKeys.MostCharactersOfName} characters, all of which can be seen.", "name", $"We {problem}.");
        }

        if (isOperator && !context.IsOperator())
        {
            return OperatorsOnly(context, "Only an operator's key makes operators' keys.", "operator");
        }

        if (await keys.CreateIfRoomAsync(context.GetAccountId(), name!, isOperator, cancellation) is not { } made)
        {
            return ApiErrors.Conflict($"The account has {ApiKeys.MostOfAccount} keys that work, the most it may have.", null,
                "GET /v1/keys lists them with their last use; revoke those that nobody uses.");
        }

        context.LogChange("key", made.Id, isOperator ? "made for an operator" : "made");
        return ApiJson.Result(made, StatusCodes.Status201Created);
    }

    private static async Task<IResult> RevokeAsync(string id, HttpContext context, ApiKeys keys, CancellationToken cancellation)
    {
        var account = context.GetAccountId();
        if (!id.Contains('\0') && await keys.RevokeAsync(account, id, context.IsOperator(), cancellation))
        {
            context.LogChange("key", id, "revoked");
            return Results.NoContent();
        }

        // Still good: an operator's, which an ordinary key must not take from the operator.
        return !id.Contains('\0') && await keys.IsGoodAsync(account, id, cancellation)
            ? OperatorsOnly(context, "Only an operator's key revokes an operator's key.", "id")
            : ApiErrors.NotFound("This account has no such key, or it is revoked already.", "id", "GET /v1/keys lists the keys.");
    }

    private static async Task<IResult> RevokeOthersAsync(HttpContext context, ApiKeys keys, CancellationToken cancellation)
    {
        var (account, own, isOperator) = (context.GetAccountId(), context.GetKeyId(), context.IsOperator());
        var revoked = await keys.RevokeOthersAsync(account, own, isOperator, cancellation);
        foreach (var id in revoked.Take(AccessLog.MostOfOneCall))
        {
            context.LogChange("key", id, "revoked");
        }

        if (revoked.Count > AccessLog.MostOfOneCall)
        {
            context.LogChange("key", $"and {revoked.Count - AccessLog.MostOfOneCall} more", "revoked");
        }

        var left = isOperator ? 0 : await keys.CountOperatorsAsync(account, own, cancellation);
        return ApiJson.Result(new { Revoked = revoked.Count, OperatorKeysLeft = left });
    }

    private static IResult OperatorsOnly(HttpContext context, string message, string field) =>
        ApiErrors.Result(StatusCodes.Status403Forbidden, message, field, ApiKeyAuthentication.HowToBeOperator(context.GetKeyId()));
}
