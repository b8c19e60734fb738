namespace EmailService.Compose;

public static class ComposeServices
{
    public static WebApplicationBuilder AddCompose(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IMessageReader, MessageReader>();
        builder.Services.AddSingleton<ComposeMetrics>();
        return builder;
    }
}
