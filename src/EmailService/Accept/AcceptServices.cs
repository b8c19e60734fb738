using EmailService.Platform;
using EmailService.Platform.Jobs;

namespace EmailService.Accept;

/// <summary>Takes requests to send.</summary>
public static class AcceptServices
{
    public static void AddAccept(this WebApplicationBuilder builder)
    {
        builder.AddOptions<AcceptOptions>("Accept");
        builder.Services.AddSingleton<AcceptMetrics>();
        builder.Services.AddSingleton<AcceptRoom>();
        builder.Services.AddSingleton<IAcceptStore, AcceptStore>();
        builder.Services.AddSingleton<AcceptWorker>();
        builder.Services.AddSingleton<OwnMail>();
        builder.Services.AddJob<IdempotencySweeper>("idempotency-keys", "0 23 * * * ?");
        if (builder.Has(Role.Api))
        {
            builder.Services.AddHostedService(s => s.GetRequiredService<AcceptWorker>());
        }
    }

    public static void MapAccept(this WebApplication app) => app.MapSend();
}
