namespace EmailService.Accept;

/// <summary>Takes requests to send.</summary>
public static class AcceptServices
{
    public static void AddAccept(this WebApplicationBuilder builder) => builder.Services.AddSingleton<AcceptWorker>();
}
