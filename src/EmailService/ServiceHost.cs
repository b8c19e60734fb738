using EmailService.Accept;
using EmailService.Accounts;
using EmailService.Compose;
using EmailService.Deliver;
using EmailService.Egress;
using EmailService.Inbox;
using EmailService.Notify;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.Record;
using EmailService.Report;
using EmailService.Route;
using EmailService.Sign;
using EmailService.Steer;
using EmailService.TlsReports;

namespace EmailService;

/// <summary>The whole service, for the program and for tests that run it in their own process.</summary>
public static class ServiceHost
{
    /// <param name="args">Configuration as on the command line: <c>--EmailService:Key=value</c>, <c>--config file</c>, <c>--urls …</c>.</param>
    /// <param name="configure">Called last, before everything is put together: tests replace services here, TimeProvider for one.</param>
    /// <exception cref="OperatorException">The configuration is wrong; the message lists every problem.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = HostBuilding.CreateBuilder(args);

        // Hosted services start in this order and stop in the reverse one: Accept stores and hands over its last requests,
        // then Deliver brings or returns what is in hand, then Record stores the last outcomes, then the node signs off.
        builder.AddPlatform();
        builder.AddRecord();
        builder.AddOutbox();
        builder.AddEgress();
        builder.AddRoute();
        builder.AddSteer();
        builder.AddAccounts();
        builder.AddInbox();
        builder.AddReport();
        builder.AddCompose();
        builder.AddSign();
        builder.AddDeliver();
        builder.AddAccept();
        builder.AddNotify();
        builder.AddTlsReports();

        configure?.Invoke(builder);
        builder.ThrowIfMisconfigured();
        var app = builder.Build();

        app.UseApiPipeline();
        app.MapPlatform();
        var metrics = app.MapMetrics();
        if (app.Services.GetRequiredService<MetricsOptions>().RequireKey)
        {
            metrics.RequireOperatorKey();
        }

        app.MapAccounts();
        app.MapAccept();
        app.MapNotify();
        app.MapRecord();
        app.MapReport();
        app.MapSteer();
        app.MapInbox();
        return app;
    }
}
