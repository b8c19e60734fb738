using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary><c>/v1/keys</c>: the account's API keys.</summary>
internal static class KeyEndpoints
{
    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/keys", ListAsync).RequireApiKey();
        app.MapPost("/v1/keys", CreateAsync).RequireApiKey();
        app.MapDelete("/v1/keys/{id}", RevokeAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(HttpContext context, ApiKeys keys, CancellationToken cancellation) =>
        ApiJson.Result(new { Keys = await keys.ListAsync(context.GetAccountId(), cancellation) });

    private static async Task<IResult> CreateAsync(HttpContext context, ApiKeys keys, CancellationToken cancellation)
    {
        var (name, refusal) = await ApiJson.ReadTextAsync(context, "name");
        if (refusal is not null)
        {
            return refusal;
        }

        return ApiKeys.IsGoodName(name!)
            ? ApiJson.Result(await keys.CreateAsync(context.GetAccountId(), name!, cancellation), StatusCodes.Status201Created)
            : ApiErrors.BadRequest($"The name must have 1 to {ApiKeys.MostCharactersOfName} characters, and no line break or other control character.", "name",
                $"Found {name!.Length} characters.");
    }

    private static async Task<IResult> RevokeAsync(string id, HttpContext context, ApiKeys keys, CancellationToken cancellation) =>
        !id.Contains('\0') && await keys.RevokeAsync(context.GetAccountId(), id, cancellation)
            ? Results.NoContent()
            : ApiErrors.NotFound("This account has no such key, or it is revoked already.", "id", "GET /v1/keys lists the keys.");
}
