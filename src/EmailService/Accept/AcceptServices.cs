using EmailService.Platform;

namespace EmailService.Accept;

/// <summary>Takes requests to send.</summary>
public static class AcceptServices
{
    public static void AddAccept(this WebApplicationBuilder builder)
    {
        builder.AddOptions<AcceptOptions>("Accept");
        builder.Services.AddSingleton<AcceptMetrics>();
        builder.Services.AddSingleton<AcceptStore>();
        builder.Services.AddSingleton<AcceptWorker>();
        if (builder.Has(Role.Api))
        {
            builder.Services.AddHostedService(s => s.GetRequiredService<AcceptWorker>());
            builder.Services.AddHostedService<IdempotencySweeper>();
        }
    }

    public static void MapAccept(this WebApplication app) => app.MapSend();
}
