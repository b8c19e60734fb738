using EmailService.Platform;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Inbox;

public static class InboxServices
{
    /// <summary>Connections of our own deliveries, or of programs under test, to the catch-all mail host.</summary>
    private const int MostConnections = 500;

    /// <summary>The pages always; the catch-all mail host unless delivery is live.</summary>
    public static WebApplicationBuilder AddInbox(this WebApplicationBuilder builder)
    {
        builder.AddOptions<InboxOptions>("Inbox");
        builder.Services.AddSingleton<InboxStore>();
        builder.Services.AddSingleton<InboxReaders>();
        builder.Services.AddSingleton<LoopbackAccess>();
        builder.Services.TryAddSingleton<CatchAllEndPoint>();
        var connections = builder.FileDescriptors().Share("to the inbox", MostConnections);
        builder.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<InboxHost>(provider, connections));
        return builder;
    }

    public static void MapInbox(this WebApplication app)
    {
        var inbox = app.MapGroup("/");
        inbox.AddEndpointFilter<InboxIsThere>();
        inbox.MapGet("/inbox/style.css", InboxEndpoints.Style);
        inbox.MapPost("/inbox/sign-in", InboxSignIn.SignInAsync);
        inbox.MapPost("/inbox/sign-out", InboxSignIn.SignOut);

        var mail = inbox.MapGroup("/");
        mail.AddEndpointFilter<InboxAccess>();
        mail.MapGet("/inbox", InboxEndpoints.PageAsync);
        mail.MapGet("/inbox.json", InboxEndpoints.ListAsync);

        var one = mail.MapGroup("/");
        one.AddEndpointFilter<InboxReading>();
        one.MapGet("/inbox/{id:long}", InboxEndpoints.MailPageAsync);
        one.MapGet("/inbox/{id:long}.json", InboxEndpoints.MailAsync);
        one.MapGet("/inbox/{id:long}/html", InboxEndpoints.HtmlAsync);
        one.MapGet("/inbox/{id:long}/source", InboxEndpoints.SourceAsync);
        one.MapGet("/inbox/{id:long}/parts/{n:int}", InboxEndpoints.PartAsync);
    }
}
