using EmailService.Accounts;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Steer;

/// <summary><c>/v1/overlays</c>: what is imposed on traffic now, and the means to impose and lift.</summary>
internal static class OverlayEndpoints
{
    public static void MapOverlays(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/overlays", ListAsync).RequireApiKey();
        app.MapPost("/v1/overlays", ImposeAsync).RequireApiKey();
        app.MapDelete("/v1/overlays/{id:long}", LiftAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(
        [FromServices] OverlayStore store, [FromServices] AccountStore accounts, [FromServices] TimeProvider time, CancellationToken cancellation)
    {
        var overlays = await store.InForceAsync(time.GetUtcNow(), cancellation);
        return ApiJson.Result(new { Overlays = await ShownOverlay.OfAsync(overlays, accounts, cancellation) });
    }

    private static async Task<IResult> ImposeAsync(
        HttpRequest request, [FromServices] OverlayReader reader, [FromServices] Steering steering, [FromServices] AccountStore accounts, CancellationToken cancellation)
    {
        var (wish, problems) = await reader.ReadAsync(request, cancellation);
        if (wish is null)
        {
            return ApiErrors.Result(StatusCodes.Status400BadRequest, problems);
        }

        if (wish.Kind == OverlayKind.Reroute)
        {
            // Every key of every account may call this: one that is stolen must not have all password resets sent to its thief.
            return ApiErrors.Result(StatusCodes.Status400BadRequest, [new FieldError(
                "found \"reroute\", which is for the command line only: ./run reroute. A key must not send mail of others to a host of its choice", "kind")]);
        }

        return await steering.ImposeAsync(wish, cancellation) is { } imposed
            ? ApiJson.Result((await ShownOverlay.OfAsync([imposed], accounts, cancellation))[0], StatusCodes.Status201Created)
            : ApiErrors.Conflict($"There are {OverlayStore.Most} overlays, the most there may be.", null, "GET /v1/overlays lists them; lift some.");
    }

    private static async Task<IResult> LiftAsync(long id, [FromServices] Steering steering, CancellationToken cancellation) =>
        await steering.LiftAsync(id, cancellation) is not null
            ? Results.NoContent()
            : ApiErrors.NotFound("There is no such overlay; it has ended, or was lifted already.", "id", "GET /v1/overlays lists those in force.");
}

/// <summary>An overlay as the API shows it.</summary>
public sealed record ShownOverlay(
    long Id, string Kind, string? Lane, string? Source, string? Domain, string? Account, double? Factor, string? Route,
    DateTimeOffset Until, string Origin, string? Rule, string? Reply, DateTimeOffset CreatedAt, DateTimeOffset ChangedAt)
{
    internal static async Task<IReadOnlyList<ShownOverlay>> OfAsync(IReadOnlyList<Overlay> overlays, AccountStore accounts, CancellationToken cancellation)
    {
        var names = await accounts.NamesAsync([.. overlays.Select(o => o.Scope.AccountId).OfType<int>().Distinct()], cancellation);
        return
        [
            .. overlays.Select(o => new ShownOverlay(
                o.Id, o.Kind.ToName(), o.Scope.Lane, o.Scope.Source, o.Scope.Domain, o.Scope.AccountId is { } id ? names.GetValueOrDefault(id) : null,
                o.Kind == OverlayKind.LowerRate ? o.Factor : null, o.Route, o.Until, o.Origin.ToName(), o.Rule, o.Reply, o.CreatedAt, o.ChangedAt)),
        ];
    }
}
