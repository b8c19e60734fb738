using EmailService.Platform;
using EmailService.Platform.Jobs;

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
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<SendingDomains>();
        services.AddSingleton<SenderIdentity>();
        services.AddSingleton<DomainVerifier>();
        services.AddJob<DomainRecheck>("sender-domains", "0 17 5 * * ?");
        services.AddSingleton<Quickstart>();
        services.AddHostedService(provider => provider.GetRequiredService<Quickstart>());
    }

    public static void MapAccounts(this WebApplication app)
    {
        app.MapKeys();
        app.MapDomains();
    }
}
