using Npgsql;

namespace EmailService.Platform;

/// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: it can take work; 503 and the reason when not.</summary>
internal static class HealthEndpoints
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/health/live", () => Results.Json(new { status = "ok" }));
        endpoints.MapGet("/health/ready", ReadyAsync);
    }

    private static async Task<IResult> ReadyAsync(
        NpgsqlDataSource database, DatabaseStartup startup, NodeRegistry node, StoreHealth health,
        IHostApplicationLifetime lifetime, CancellationToken cancellation)
    {
        var checks = new Dictionary<string, string>
        {
            ["database"] = await DatabaseAsync(database, cancellation),
            ["store"] = health.IsHealthy ? "ok" : "commits fail",
            ["migrations"] = startup.IsMigrated ? "ok" : "not applied yet",
            ["node"] = node.IsAlive ? "ok" : "no heartbeat within the time to live",
            ["stopping"] = lifetime.ApplicationStopping.IsCancellationRequested ? "stopping" : "ok",
        };
        var ready = checks.Values.All(check => check == "ok");
        return Results.Json(new { status = ready ? "ok" : "unavailable", checks }, statusCode: ready ? 200 : 503);
    }

    private static async Task<string> DatabaseAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Patience);
        try
        {
            await using var command = database.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(deadline.Token);
            return "ok";
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException or TimeoutException)
        {
            // Not the exception's text: it may name hosts and users, and this page needs no key.
            return e is OperationCanceledException ? "no answer within 2 s" : "unreachable";
        }
    }
}
