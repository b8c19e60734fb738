using EmailService.Platform;
using EmailService.Platform.Jobs;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Accounts;

/// <summary>Accounts, their API keys and sending domains.</summary>
public static class AccountsServices
{
    /// <summary>Needs <c>IDnsResolver</c> to verify domains, a <see cref="DeliveryMode"/>, and the egress sources.</summary>
    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<AccountStore>();
        services.AddSingleton<IAccountNames, AccountNames>();
        services.AddApiKeys();
        services.AddHostedService<KeyUseWriter>();
        services.AddSingleton<SendingDomains>();
        services.AddSingleton<SenderIdentity>();
        services.AddSingleton<DomainVerifier>();
        services.AddJob<DomainRecheck>("sender-domains", "0 17 5 * * ?");
        services.AddSingleton<Quickstart>();
        services.AddHostedService(provider => provider.GetRequiredService<Quickstart>());
    }

    /// <summary>What an endpoint that asks for a key needs.</summary>
    internal static void AddApiKeys(this IServiceCollection services)
    {
        services.AddSingleton<ApiKeys>();
        services.TryAddSingleton<ServiceMeter>();
        services.AddSingleton<AccessLog>();
    }

    public static void MapAccounts(this WebApplication app)
    {
        // Made now: its counters are among the metrics before the first key is refused.
        app.Services.GetRequiredService<AccessLog>();
        app.MapKeys();
        app.MapDomains();
    }
}
