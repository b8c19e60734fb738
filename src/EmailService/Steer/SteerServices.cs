using EmailService.Accounts;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Steer;

/// <summary>What an operator sees of the lanes, and what he imposes on traffic or does to what waits.</summary>
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
        builder.Services.AddSingleton<LaneStatusStore>();
        builder.Services.AddSingleton<LaneTableStore>();
        builder.Services.AddSingleton<LaneFactsReader>();
        builder.Services.AddSingleton<LaneFinder>();
        builder.Services.AddSingleton<MessageOwners>();
        builder.Services.AddSingleton<Levers>();
        if (builder.Has(Role.Deliver))
        {
            builder.Services.AddHostedService<OverlayRefresher>();
        }

        return builder;
    }

    public static void MapSteer(this WebApplication app)
    {
        app.MapOverlays();
        app.MapGet("/v1/lanes", LaneEndpoints.ListAsync).Limit(CostlyCall.LookUpLanes).RequireOperatorKey();
        app.MapGet("/v1/lanes/{lane}", LaneEndpoints.FindAsync).Limit(CostlyCall.LookUpLanes).RequireOperatorKey();
        app.MapPost("/v1/lanes/{lane}/retry", LeverEndpoints.RetryLaneAsync).Limit(CostlyCall.LookUpLanes).RequireOperatorKey();
        app.MapPost("/v1/lanes/{lane}/expire", LeverEndpoints.ExpireLaneAsync).Limit(CostlyCall.LookUpLanes).RequireOperatorKey();
        app.MapPost("/v1/messages/retry", LeverEndpoints.RetryAsync).RequireApiKey();
        app.MapPost("/v1/messages/expire", LeverEndpoints.ExpireAsync).RequireApiKey();
        app.MapPost("/v1/messages/{id}/retry", LeverEndpoints.RetryMessageAsync).RequireApiKey();
        app.MapPost("/v1/messages/{id}/expire", LeverEndpoints.ExpireMessageAsync).RequireApiKey();
    }
}
