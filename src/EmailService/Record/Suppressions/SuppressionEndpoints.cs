using System.Globalization;
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
        app.MapDelete("/v1/suppressions/{email}", RemoveAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(HttpContext context, [FromServices] SuppressionStore store)
    {
        var query = context.Request.Query;
        var problems = query.Keys.Except(["email", "after", "limit"])
            .Select(key => new FieldError($"found the parameter \"{key}\", expected only email, after, limit", key)).ToList();
        problems.AddRange(query.Where(given => given.Value.ToString().Contains('\0'))
            .Select(given => new FieldError("found a NUL character (%00); leave it out", given.Key)));
        var limit = 100;
        if (query.TryGetValue("limit", out var text)
            && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= MostOfPage))
        {
            problems.Add(new FieldError($"found \"{text}\", expected a whole number from 1 to {MostOfPage}", "limit"));
        }

        if (problems.Count > 0)
        {
            return ApiErrors.Result(StatusCodes.Status400BadRequest, problems);
        }

        var email = query["email"].ToString();
        var found = await store.ListAsync(
            context.GetAccountId(), query["after"].ToString(), email.Length > 0 ? email : null, limit + 1, context.RequestAborted);
        return ApiJson.Result(new { Suppressions = found.Take(limit), Next = found.Count > limit ? found[limit - 1].Email : null });
    }

    private static async Task<IResult> RemoveAsync(string email, HttpContext context, [FromServices] SuppressionStore store) =>
        !email.Contains('\0') && await store.RemoveAsync(context.GetAccountId(), email, context.RequestAborted)
            ? Results.NoContent()
            : ApiErrors.NotFound("This address is not suppressed for the account.", "email", "GET /v1/suppressions lists those that are.");
}
