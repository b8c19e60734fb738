using EmailService.Platform;

namespace EmailService.Outbox;

public static class OutboxServices
{
    public static WebApplicationBuilder AddOutbox(this WebApplicationBuilder builder)
    {
        builder.AddOptions<OutboxOptions>("Outbox");
        builder.Services.AddSingleton<IOutboxStore, OutboxStore>();
        builder.Services.AddSingleton<OutboxRetry>();
        builder.Services.AddSingleton<OutboxDepth>();
        builder.Services.AddSingleton<HeldStore>();
        builder.Services.AddSingleton<IHeldStore>(s => s.GetRequiredService<HeldStore>());
        builder.Services.AddSingleton<Hand>();
        builder.Services.AddSingleton<LeaseSweeper>();
        if (builder.Has(Role.Deliver))
        {
            builder.Services.AddHostedService(s => s.GetRequiredService<LeaseSweeper>());
            builder.Services.AddHostedService<QueueGauges>();
        }

        return builder;
    }
}
