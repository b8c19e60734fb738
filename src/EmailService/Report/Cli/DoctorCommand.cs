using System.CommandLine;
using EmailService.Dns;
using EmailService.Egress;
using EmailService.Platform;
using EmailService.Report.Doctor;
using EmailService.Route;
using RouteOptions = EmailService.Route.RouteOptions;
using Npgsql;

namespace EmailService.Report.Cli;

/// <summary><c>emailservice doctor</c>: what is wrong and what to do, without the service having to run.</summary>
internal static class DoctorCommand
{
    public static Command Create(CommandContext context)
    {
        var domain = new Option<string?>("--domain") { Description = "A recipients' domain whose mail hosts to try, such as gmail.com. Nothing is sent." };
        var json = new Option<bool>("--json") { Description = "Print the findings as JSON." };
        var command = new Command("doctor", "Check the database, DNS, the way out to mail hosts, the host name and the records of every sending domain. Ends with 1 if anything failed.")
        {
            domain, json,
        };
        command.SetAction((parsed, cancel) => CommandContext.Guarded(async () =>
        {
            await using var app = context.BuildQuietly();
            try
            {
                var findings = await ExamineAsync(app.Services, parsed.GetValue(domain), cancel);
                DoctorReport.Write(findings, parsed.GetValue(json));
                return findings.Any(finding => finding.Level == Level.Fail) ? 1 : 0;
            }
            finally
            {
                await app.Services.GetRequiredService<DatabaseStartup>().StopAsync(CancellationToken.None);
            }
        }));
        return command;
    }

    internal static async Task<IReadOnlyList<Finding>> ExamineAsync(IServiceProvider services, string? domain, CancellationToken cancel)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var platform = services.GetRequiredService<PlatformOptions>();
        var route = services.GetRequiredService<RouteOptions>();
        var dns = services.GetRequiredService<IDnsResolver>();
        var database = services.GetRequiredService<NpgsqlDataSource>();
        var startup = services.GetRequiredService<DatabaseStartup>();

        // First the database: the others ask it which domains we send from.
        var findings = new List<Finding>(await Examination.RunAsync(
            [new("database", token => DatabaseCheck.RunAsync(start => startup.StartAsync(keepRunning: false, start), database, platform, time, token))], time, cancel));
        var hasDatabase = findings.TrueForAll(finding => finding.Level != Level.Fail);
        findings.AddRange(await Examination.RunAsync(
            [
                new("dns", token => DnsCheck.RunAsync(dns, domain ?? "example.com", route.Live, token)),
                new("outbound port", token => WayOutAsync(dns, route, domain, token)),
                new("host name", token => HostNameCheck.RunAsync(dns, platform.HostName, route.Live, token)),
                new("egress sources", _ => SourcesCheck.RunAsync(services.GetRequiredService<EgressTable>())),
                .. hasDatabase ? await DomainChecks.AllAsync(services, route.Live, cancel) : [],
            ], time, cancel));
        if (!route.Live)
        {
            findings.Add(Finding.Ok("delivery", "live delivery is off: all mail goes to the inbox. To go live, put right what is found above and set EmailService:Route:Live to true"));
        }

        return findings;
    }

    private static Task<IReadOnlyList<Finding>> WayOutAsync(IDnsResolver dns, RouteOptions route, string? domain, CancellationToken cancel)
    {
        if (domain is not null)
        {
            return PortCheck.DomainAsync(dns, domain, route.Port, route.Live, cancel);
        }

        if (route.Relay is not null && MailHost.TryParse(route.Relay, 25) is { } relay)
        {
            return PortCheck.HostsAsync(dns, [(relay.Name, relay.Port)], route.Live, cancel);
        }

        return Task.FromResult<IReadOnlyList<Finding>>(
            [new("outbound port", route.Live ? Level.Warn : Level.Ok, "not tried", "Run doctor --domain with a domain that you send to, such as gmail.com: it connects to its mail hosts and sends nothing.")]);
    }
}
