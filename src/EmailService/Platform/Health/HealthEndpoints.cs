namespace EmailService.Platform;

/// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: it can take work; 503 and the reason when not.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/health/live", () => Results.Json(new { status = "ok" }));
        endpoints.MapGet("/health/ready", ReadyAsync);
    }

    private static async Task<IResult> ReadyAsync(
        DatabaseQuestion database, DatabaseStartup startup, NodeRegistry node, StoreHealth health,
        IHostApplicationLifetime lifetime, CancellationToken cancellation)
    {
        var checks = new Dictionary<string, string>
        {
            ["database"] = await database.AskAsync(cancellation),
            ["store"] = health.Problem ?? "ok",
            ["migrations"] = startup.IsMigrated ? "ok" : "not applied yet",
            ["node"] = node.IsAlive ? "ok" : "no heartbeat within the time to live",
            ["stopping"] = lifetime.ApplicationStopping.IsCancellationRequested ? "stopping" : "ok",
        };
        var ready = checks.Values.All(check => check == "ok");
        return Results.Json(new { status = ready ? "ok" : "unavailable", checks }, statusCode: ready ? 200 : 503);
    }
}
