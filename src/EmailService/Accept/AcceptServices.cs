namespace EmailService.Accept;

/// <summary>Takes requests to send.</summary>
public static class AcceptServices
{
    public static void AddAccept(this WebApplicationBuilder builder) => builder.Services.AddSingleton<AcceptWorker>();

    public static void MapAccept(this WebApplication app) => app.MapSend();
}
