using EmailService.Accounts;

namespace EmailService.Steer;

/// <summary>What an operator sees of the lanes and does to what waits in them.</summary>
public static class SteerServices
{
    public static WebApplicationBuilder AddSteer(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<LaneStatusStore>();
        builder.Services.AddSingleton<LaneTableStore>();
        builder.Services.AddSingleton<LaneFinder>();
        builder.Services.AddSingleton<MessageOwners>();
        builder.Services.AddSingleton<Levers>();
        return builder;
    }

    public static void MapSteer(this WebApplication app)
    {
        app.MapGet("/v1/lanes", LaneEndpoints.ListAsync).RequireApiKey();
        app.MapGet("/v1/lanes/{lane}", LaneEndpoints.FindAsync).RequireApiKey();
        app.MapPost("/v1/lanes/{lane}/retry", LeverEndpoints.RetryLaneAsync).RequireApiKey();
        app.MapPost("/v1/lanes/{lane}/expire", LeverEndpoints.ExpireLaneAsync).RequireApiKey();
        app.MapPost("/v1/messages/retry", LeverEndpoints.RetryAsync).RequireApiKey();
        app.MapPost("/v1/messages/expire", LeverEndpoints.ExpireAsync).RequireApiKey();
        app.MapPost("/v1/messages/{id}/retry", LeverEndpoints.RetryMessageAsync).RequireApiKey();
        app.MapPost("/v1/messages/{id}/expire", LeverEndpoints.ExpireMessageAsync).RequireApiKey();
    }
}
