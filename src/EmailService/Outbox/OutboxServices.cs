using EmailService.Platform;

namespace EmailService.Outbox;

public static class OutboxServices
{
    public static WebApplicationBuilder AddOutbox(this WebApplicationBuilder builder)
    {
        var options = builder.AddOptions<OutboxOptions>("Outbox");
        builder.Services.AddSingleton<IOutboxStore, OutboxStore>();
        builder.Services.AddSingleton<OutboxRetry>();
        builder.Services.AddSingleton<OutboxDepth>();
        builder.Services.AddSingleton<HeldStore>();
        builder.Services.AddSingleton<IHeldStore>(s => s.GetRequiredService<HeldStore>());
        // In place of what was said: handed over and claimed, an eighth of all memory for content each, and another quarter for what is composed of it.
        builder.Services.AddSingleton(s => options with { ReadyOctets = Math.Min(options.ReadyOctets, s.GetRequiredService<MemoryBudget>().Sixteenths(2)) });
        builder.Services.AddSingleton(s =>
        {
            var hand = new Hand(s.GetRequiredService<OutboxOptions>(), s.GetRequiredService<TimeProvider>(), s.GetService<ISiteStandings>());
            var budget = s.GetRequiredService<MemoryBudget>();
            budget.Watch("handed", () => hand.Octets.Handed);
            budget.Watch("claimed", () => hand.Octets.Claimed);
            budget.Watch("composed", () => hand.Composing.Taken);
            return hand;
        });
        builder.Services.AddSingleton<LeaseSweeper>();
        if (builder.Has(Role.Deliver))
        {
            builder.Services.AddHostedService(s => s.GetRequiredService<LeaseSweeper>());
            builder.Services.AddHostedService<QueueGauges>();
        }

        return builder;
    }
}
