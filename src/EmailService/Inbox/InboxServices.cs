using EmailService.Platform;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Inbox;

public static class InboxServices
{
    /// <summary>The pages always; the catch-all mail host unless delivery is live.</summary>
    public static WebApplicationBuilder AddInbox(this WebApplicationBuilder builder)
    {
        builder.AddOptions<InboxOptions>("Inbox");
        builder.Services.AddSingleton<InboxStore>();
        builder.Services.TryAddSingleton<CatchAllEndPoint>();
        builder.Services.AddHostedService<InboxHost>();
        return builder;
    }

    public static void MapInbox(this WebApplication app)
    {
        var inbox = app.MapGroup("/");
        inbox.AddEndpointFilter<InboxAccess>();
        inbox.MapGet("/inbox", InboxEndpoints.PageAsync);
        inbox.MapGet("/inbox.json", InboxEndpoints.ListAsync);
        inbox.MapGet("/inbox/style.css", InboxEndpoints.Style);
        inbox.MapGet("/inbox/{id:long}", InboxEndpoints.MailPageAsync);
        inbox.MapGet("/inbox/{id:long}.json", InboxEndpoints.MailAsync);
        inbox.MapGet("/inbox/{id:long}/html", InboxEndpoints.HtmlAsync);
        inbox.MapGet("/inbox/{id:long}/source", InboxEndpoints.SourceAsync);
        inbox.MapGet("/inbox/{id:long}/parts/{n:int}", InboxEndpoints.PartAsync);
    }
}
