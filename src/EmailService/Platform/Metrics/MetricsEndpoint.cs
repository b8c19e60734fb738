namespace EmailService.Platform;

/// <summary><c>/metrics</c> in the Prometheus text format 0.0.4.</summary>
internal static class MetricsEndpoint
{
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder endpoints)
    {
        // Made now, not on the first request: an instrument counts only from when somebody listens.
        var collector = endpoints.ServiceProvider.GetRequiredService<MetricsCollector>();
        return endpoints.MapGet("/metrics", () => Results.Text(collector.Write(), "text/plain; version=0.0.4; charset=utf-8"));
    }
}
