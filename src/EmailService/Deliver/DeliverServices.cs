using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Deliver;

public static class DeliverServices
{
    public static WebApplicationBuilder AddDeliver(this WebApplicationBuilder builder)
    {
        var options = builder.AddOptions<DeliverOptions>("Deliver");
        builder.Services.AddSingleton(ShapingTable.Load(options.ShapingFile, options.InPlaceOfDefault()));
        builder.Services.AddSingleton<HostMemory>();
        builder.Services.AddSingleton<ExtensionMemory>();
        builder.Services.AddSingleton<ExtensionStore>();
        builder.Services.AddSingleton<ISmtpDialer, SmtpDialer>();
        builder.Services.AddSingleton<Reactions>();
        builder.Services.AddSingleton<Deliverer>();
        builder.Services.AddSingleton<LaneMetrics>();
        builder.Services.AddSingleton<Rerouting>();
        builder.Services.AddSingleton<SourceFinder>();
        builder.Services.AddSingleton<Holding>();
        builder.Services.AddSingleton<HeardPaces>();
        builder.Services.AddSingleton<IPaceStore, PaceStore>();
        var connections = builder.FileDescriptors().Share("to mail hosts", options.Connections);
        builder.Services.AddSingleton(s => new ConnectionLimit(ConnectionRules.Of(connections), s.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<SiteStandings>();
        builder.Services.AddSingleton<ISiteStandingStore, SiteStandingStore>();
        builder.Services.AddSingleton<ISiteStandings>(s => s.GetRequiredService<SiteStandings>());
        builder.Services.AddSingleton<LaneContext>();
        builder.Services.AddSingleton<LaneDirectory>();
        builder.Services.AddSingleton<DeliverMetrics>();
        if (builder.Has(Role.Deliver))
        {
            builder.Services.AddHostedService<ExtensionKeeper>();
            builder.Services.AddHostedService<SiteKeeper>();
            builder.Services.AddHostedService<Dispatcher>();
            builder.Services.AddHostedService<PaceExchange>();
            builder.Services.AddHostedService<LaneTeller>();
            builder.Services.AddHostedService(s => s.GetRequiredService<DeliverMetrics>());
        }

        return builder;
    }
}
