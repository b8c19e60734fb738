using System.Globalization;
using EmailService.Accounts;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Steer;

/// <summary><c>/v1/overlays</c>: what is imposed on traffic now, and the means to impose and lift. For operators' keys: it is
/// about the traffic of all accounts, and names them.</summary>
internal static class OverlayEndpoints
{
    public static void MapOverlays(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/overlays", ListAsync).RequireOperatorKey();
        app.MapPost("/v1/overlays", ImposeAsync).RequireOperatorKey();
        app.MapDelete("/v1/overlays/{id:long}", LiftAsync).RequireOperatorKey();
    }

    private static async Task<IResult> ListAsync(
        [FromServices] OverlayStore store, [FromServices] AccountStore accounts, [FromServices] TimeProvider time, CancellationToken cancellation)
    {
        var overlays = await store.InForceAsync(time.GetUtcNow(), cancellation);
        return ApiJson.Result(new { Overlays = await ShownOverlay.OfAsync(overlays, accounts, cancellation) });
    }

    private static async Task<IResult> ImposeAsync(
        HttpContext context, [FromServices] OverlayReader reader, [FromServices] Steering steering, [FromServices] AccountStore accounts, CancellationToken cancellation)
    {
        var (wish, refusal) = await reader.ReadAsync(context.Request, cancellation);
        if (wish is null)
        {
            return refusal!;
        }

        if (wish.Kind == OverlayKind.Reroute)
        {
            // A key that is stolen must not have all password resets sent to its thief.
            return ApiErrors.Result(StatusCodes.Status400BadRequest, [new FieldError(
                "found \"reroute\", which is for the command line only: ./run reroute. A key must not send mail of others to a host of its choice", "kind")]);
        }

        if (await steering.ImposeAsync(wish with { KeyId = context.GetKeyId(), ByAccount = context.GetAccountId() }, cancellation) is not { } imposed)
        {
            return ApiErrors.Conflict($"There are {OverlayStore.Most} overlays, or {OverlayStore.MostOfAccount} by keys and mail of this key's account: the most there may be.",
                null, "GET /v1/overlays lists them; lift some.");
        }

        context.LogChange("overlay", imposed.Id.ToString(CultureInfo.InvariantCulture), "imposed");
        return ApiJson.Result((await ShownOverlay.OfAsync([imposed], accounts, cancellation))[0], StatusCodes.Status201Created);
    }

    private static async Task<IResult> LiftAsync(long id, HttpContext context, [FromServices] Steering steering, CancellationToken cancellation)
    {
        if (await steering.LiftAsync(id, cancellation) is null)
        {
            return ApiErrors.NotFound("There is no such overlay; it has ended, or was lifted already.", "id", "GET /v1/overlays lists those in force.");
        }

        context.LogChange("overlay", id.ToString(CultureInfo.InvariantCulture), "lifted");
        return Results.NoContent();
    }
}

/// <summary>An overlay as the API shows it.</summary>
public sealed record ShownOverlay(
    long Id, string Kind, string? Lane, string? Source, string? Domain, string? Account, double? Factor, string? Route,
    DateTimeOffset Until, string Origin, string? Rule, string? Reply, DateTimeOffset CreatedAt, DateTimeOffset ChangedAt, string? KeyId = null)
{
    internal static async Task<IReadOnlyList<ShownOverlay>> OfAsync(IReadOnlyList<Overlay> overlays, AccountStore accounts, CancellationToken cancellation)
    {
        var names = await accounts.NamesAsync([.. overlays.Select(o => o.Scope.AccountId).OfType<int>().Distinct()], cancellation);
        return
        [
            .. overlays.Select(o => new ShownOverlay(
                o.Id, o.Kind.ToName(), o.Scope.Lane, o.Scope.Source, o.Scope.Domain, o.Scope.AccountId is { } id ? names.GetValueOrDefault(id) : null,
                o.Kind == OverlayKind.LowerRate ? o.Factor : null, o.Route, o.Until, o.Origin.ToName(), o.Rule, o.Reply, o.CreatedAt, o.ChangedAt, o.KeyId)),
        ];
    }
}
