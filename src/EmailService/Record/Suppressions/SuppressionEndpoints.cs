using EmailService.Accounts;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Record;

/// <summary><c>/v1/suppressions</c>: addresses to which the account's mail is not sent.</summary>
internal static class SuppressionEndpoints
{
    private const int MostOfPage = 1000;

    public static void MapSuppressions(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/suppressions", ListAsync).RequireApiKey();
        // A local part may have a slash (RFC 5322 §3.2.3), which some callers and proxies do not encode.
        app.MapDelete("/v1/suppressions/{**email}", RemoveAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(HttpContext context, [FromServices] SuppressionStore store)
    {
        var query = new QueryReader(context.Request.Query);
        var (email, after, limit) = (query.Address("email"), query.AddressAsText("after"), query.Number("limit", 100, 1, MostOfPage));
        if (query.Problems.Count > 0)
        {
            return ApiErrors.BadRequest(query.Problems);
        }

        var found = await store.ListAsync(context.GetAccountId(), after ?? "", email, limit + 1, context.RequestAborted);
        return ApiJson.Result(new { Suppressions = found.Take(limit), Next = found.Count > limit ? found[limit - 1].Email : null });
    }

    private static async Task<IResult> RemoveAsync(HttpContext context, [FromServices] SuppressionStore store)
    {
        var email = PathText.Rest(context, "email", before: 2);
        if (email.Contains('\0') || !await store.RemoveAsync(context.GetAccountId(), QueryReader.StoredAddress(email), context.RequestAborted))
        {
            return ApiErrors.NotFound("This address is not suppressed for the account.", "email", "GET /v1/suppressions lists those that are.");
        }

        context.LogChange("suppression", email, "removed");
        return Results.NoContent();
    }
}
