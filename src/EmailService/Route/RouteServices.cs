using EmailService.Dns;
using EmailService.Platform;
using EmailService.Platform.Jobs;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Route;

public static class RouteServices
{
    public static WebApplicationBuilder AddRoute(this WebApplicationBuilder builder)
    {
        var options = builder.AddOptions<RouteOptions>("Route");
        builder.Services.AddSingleton(new DeliveryMode(options.Live, options.Relay));
        builder.Services.AddSingleton<Router>();
        builder.Services.AddSingleton(options.AllowedAddresses());
        builder.Services.TryAddSingleton<SystemResolver>();
        builder.Services.AddSingleton<HostAddresses>();
        builder.Services.AddSingleton<DaneLookup>();
        builder.Services.TryAddSingleton<MtaStsFetchSettings>();
        builder.Services.TryAddSingleton(new TlsTrust());
        builder.Services.AddSingleton<StrangersHttps>();
        builder.Services.AddSingleton<MtaStsFetcher>();
        builder.Services.AddSingleton<MtaStsStore>();
        builder.Services.AddSingleton<MtaStsPolicies>();
        builder.Services.AddSingleton<TlsPolicyFinder>();
        builder.Services.AddJob<MtaStsRefresh>("mta-sts", "0 12 * * * ?");
        builder.Services.TryAddSingleton<CatchAllEndPoint>();
        var queries = builder.FileDescriptors().Share("to name servers", new DnsResolverOptions().MaxConcurrentQueries);
        builder.Services.TryAddSingleton<IDnsResolver>(s => new DnsResolver(
            new DnsResolverOptions { Servers = s.GetRequiredService<RouteOptions>().DnsEndPoints(), MaxConcurrentQueries = queries },
            s.GetRequiredService<TimeProvider>(), new DnsLog(s.GetRequiredService<ILogger<DnsLog>>())));
        return builder;
    }
}
