using EmailService.Platform;

namespace EmailService.Accept;

public static class AcceptServices
{
    public static WebApplicationBuilder AddAccept(this WebApplicationBuilder builder)
    {
        builder.AddOptions<AcceptOptions>("Accept");
        builder.Services.AddSingleton<AcceptMetrics>();
        builder.Services.AddSingleton<AcceptStore>();
        builder.Services.AddSingleton<AcceptWorker>();
        if (builder.Has(Role.Api))
        {
            builder.Services.AddHostedService(s => s.GetRequiredService<AcceptWorker>());
        }

        return builder;
    }
    public static void MapAccept(this WebApplication app) => app.MapSend();
}
