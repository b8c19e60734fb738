using EmailService.Platform;
using EmailService.Platform.Jobs;

namespace EmailService.Egress;

/// <summary>Our addresses: which carries what, and how much while it is new.</summary>
public static class EgressServices
{
    public static WebApplicationBuilder AddEgress(this WebApplicationBuilder builder)
    {
        builder.AddOptions<EgressOptions>("Egress");
        builder.Services.AddSingleton<EgressTable>();
        builder.Services.AddSingleton(s => new OwnHostNames(
            s.GetRequiredService<EgressTable>().Sources.Select(source => source.HelloName).Append(s.GetRequiredService<PlatformOptions>().HostName)));
        builder.Services.AddSingleton<EgressChooser>();
        builder.Services.AddSingleton<WarmUpStore>();
        builder.Services.AddSingleton<WarmUpAllowances>();
        builder.Services.AddJob<SourceCheck>("sources", "0 31 */6 * * ?");
        builder.Services.AddJob<WarmUpStep>("warm-up", "0 1 0 * * ?");
        if (builder.Has(Role.Deliver))
        {
            builder.Services.AddSingleton<EgressMetrics>();
            builder.Services.AddHostedService(s => s.GetRequiredService<EgressMetrics>());
        }

        return builder;
    }
}
