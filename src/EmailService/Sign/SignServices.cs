using EmailService.Platform;

namespace EmailService.Sign;

public static class SignServices
{
    public static WebApplicationBuilder AddSign(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<SecretStore>();
        builder.Services.AddSingleton<IMessageSigner, MessageSigner>();
        builder.Services.AddSingleton<VerpKeys>();
        if (builder.Has(Role.Deliver) || builder.Has(Role.Receive))
        {
            builder.Services.AddHostedService(s => s.GetRequiredService<VerpKeys>());
        }

        return builder;
    }
}
