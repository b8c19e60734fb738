using EmailService.Platform;

namespace EmailService.Steer;

public static class SteerServices
{
    public static WebApplicationBuilder AddSteer(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Overlays>();
        builder.Services.AddSingleton<OverlayStore>();
        builder.Services.AddSingleton<OverlayMetrics>();
        builder.Services.AddSingleton<OverlayReader>();
        builder.Services.AddSingleton<Steering>();
        builder.Services.AddSingleton<IImposing>(s => s.GetRequiredService<Steering>());
        if (builder.Has(Role.Deliver))
        {
            builder.Services.AddHostedService<OverlayRefresher>();
        }

        return builder;
    }

    public static void MapSteer(this WebApplication app) => app.MapOverlays();
}
