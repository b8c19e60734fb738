using EmailService.Accounts;
using EmailService.Report.Tail;

namespace EmailService.Report;

public static class ReportServices
{
    public static WebApplicationBuilder AddReport(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<MessageReportStore>();
        builder.Services.AddSingleton<MessageSearchStore>();
        builder.Services.AddSingleton<EventFeedStore>();
        builder.Services.AddSingleton<EventFeed>();
        builder.Services.AddSingleton<AttemptTail>();
        return builder;
    }

    public static void MapReport(this WebApplication app)
    {
        app.MapGet("/v1/messages/{id}", MessageEndpoints.FindAsync).RequireApiKey();
        app.MapGet("/v1/messages", MessageEndpoints.SearchAsync).RequireApiKey();
        app.MapGet("/v1/events", EventEndpoints.ReadAsync).RequireApiKey();
        app.MapGet("/v1/attempts/tail", TailEndpoint.TailAsync).RequireOperatorKey();
        app.MapGet("/v1/jobs", JobEndpoints.ListAsync).RequireOperatorKey();
        app.MapJobsDashboard();
    }
}
