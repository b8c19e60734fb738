using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Steer;

/// <summary>What the lanes do now. Like <c>/v1/jobs</c> it is about the service, not about an account: for operators' keys.</summary>
internal static class LaneEndpoints
{
    /// <summary><c>GET /v1/lanes?text=&amp;sort=&amp;limit=&amp;offset=</c></summary>
    public static async Task<IResult> ListAsync(HttpContext context, [FromServices] LaneFinder lanes)
    {
        var query = new QueryReader(context.Request.Query);
        var wanted = new LaneQuery(
            query.Text("text"),
            query.Value("sort", (string text, out LaneSort sort) => Enum.TryParse(text, ignoreCase: true, out sort) && !char.IsAsciiDigit(text[0]), "depth or oldest")
                ?? LaneSort.Depth,
            query.Number("limit", 50, 1, 500), query.Number("offset", 0, 0, int.MaxValue));
        return query.Problems.Count > 0
            ? ApiErrors.BadRequest(query.Problems)
            : ApiJson.Result(await lanes.ListAsync(wanted, context.RequestAborted));
    }

    /// <summary><c>GET /v1/lanes/{lane}</c></summary>
    public static async Task<IResult> FindAsync(string lane, HttpContext context, [FromServices] LaneFinder lanes)
    {
        var query = new QueryReader(context.Request.Query);
        return query.Problems.Count > 0 ? ApiErrors.BadRequest(query.Problems)
            : await lanes.FindAsync(lane, context.RequestAborted) is { } found ? ApiJson.Result(found)
            : await NotFoundAsync(lane, lanes, context.RequestAborted);
    }

    internal static async Task<IResult> NotFoundAsync(string lane, LaneFinder lanes, CancellationToken cancellationToken) => ApiErrors.NotFound(
        $"There is no lane {lane}: nothing waits in it, and no process has it in memory.", "lane",
        await lanes.CloseToAsync(lane, cancellationToken) is { } close ? $"Did you mean {close}?" : "GET /v1/lanes lists the lanes that there are.");
}
