using EmailService.Platform;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Notify;

/// <summary>Registers webhooks: their API everywhere, their sending on nodes with the role <c>notify</c>.</summary>
public static class NotifyServices
{
    public static void AddNotify(this WebApplicationBuilder builder)
    {
        builder.AddOptions<NotifyOptions>("Notify");
        builder.Services.AddSingleton<WebhookStore>();
        builder.Services.AddSingleton<WebhookSender>();
        builder.Services.AddSingleton<WebhookQueue>();
        builder.Services.AddSingleton<WebhookWorker>();

        // Roles are known once the platform's options are bound.
        var platform = (PlatformOptions)builder.Services.First(service => service.ServiceType == typeof(PlatformOptions)).ImplementationInstance!;
        if (platform.Has(Role.Notify))
        {
            builder.Services.AddHostedService<NotifyLoop>();
        }
    }
}
