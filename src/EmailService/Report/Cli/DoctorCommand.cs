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
    private const int MostHosts = 16;

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
            if (ServiceDatabase.Missing(app.Services.GetRequiredService<PlatformOptions>()) is not null)
            {
                // Whoever asks for the database has its folder made; here nothing may be.
                return Tell(await ExamineAsync(app.Services, parsed.GetValue(domain), cancel), parsed.GetValue(json));
            }

            try
            {
                return Tell(await ExamineAsync(app.Services, parsed.GetValue(domain), cancel), parsed.GetValue(json));
            }
            finally
            {
                await app.Services.GetRequiredService<DatabaseStartup>().StopAsync(CancellationToken.None);
            }
        }));
        return command;
    }

    private static int Tell(IReadOnlyList<Finding> findings, bool asJson)
    {
        DoctorReport.Write(findings, asJson);
        return findings.Any(finding => finding.Level == Level.Fail) ? 1 : 0;
    }

    internal static async Task<IReadOnlyList<Finding>> ExamineAsync(IServiceProvider services, string? domain, CancellationToken cancel)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var platform = services.GetRequiredService<PlatformOptions>();
        var route = services.GetRequiredService<RouteOptions>();
        var dns = services.GetRequiredService<IDnsResolver>();

        // First the database: the others ask it which domains we send from. Nothing in here changes anything: not the schema, and not who may send.
        List<Finding> findings = ServiceDatabase.Missing(platform) is { } problem
            ? [new("database", Level.Fail, "none that is a service's", problem)]
            : [.. await Examination.RunAsync([new("database", token => ExamineDatabaseAsync(services, token))], time, cancel)];
        var hasDatabase = findings.TrueForAll(finding => finding.Level != Level.Fail && finding.Check != DatabaseCheck.SchemaName);

        // A relay asks DNS for us, and shows its own name to the world.
        var isSeen = route is { Live: true, Relay: null };
        findings.AddRange(await Examination.RunAsync(
            [
                new("dns", token => DnsCheck.RunAsync(dns, domain ?? "example.com", isSeen, token)),
                new("outbound port", token => WayOutAsync(dns, services.GetRequiredService<SystemResolver>(), route, domain, token)),
                new("host name", token => HostNameCheck.RunAsync(dns, platform.HostName, isSeen, token)),
                new("egress sources", _ => SourcesCheck.RunAsync(services.GetRequiredService<EgressTable>())),
                .. hasDatabase ? await DomainChecks.AllAsync(services, route.Live, cancel) : [],
            ], time, cancel));
        if (!route.Live)
        {
            findings.Add(Finding.Ok("delivery", "live delivery is off: all mail goes to the inbox. To go live, put right what is found above and set EmailService:Route:Live to true"));
        }

        return findings;
    }

    private static Task<IReadOnlyList<Finding>> ExamineDatabaseAsync(IServiceProvider services, CancellationToken cancel)
    {
        var startup = services.GetRequiredService<DatabaseStartup>();
        return DatabaseCheck.RunAsync(start => startup.ReachAsync(keepRunning: false, start), services.GetRequiredService<NpgsqlDataSource>(),
            services.GetRequiredService<PlatformOptions>(), services.GetRequiredService<TimeProvider>(), cancel);
    }

    /// <summary>Tries the hosts that mail would go to: an operator's for the domain, or the domain's own; without a domain all that an operator named.</summary>
    internal static async Task<IReadOnlyList<Finding>> WayOutAsync(
        IDnsResolver dns, SystemResolver names, RouteOptions route, string? domain, CancellationToken cancel)
    {
        if (domain is not null)
        {
            // In the router's order: a host of the domain's own, a relay, the MX hosts.
            return route.Static.TryGetValue(domain, out var own)
                ? [await PortCheck.NamedAsync(names, $"Route:Static:{domain}", MailHost.TryParse(own, 25)!, route.Live, cancel)]
                : route.RelayFor(domain, account: null) is { } relay
                    ? [await PortCheck.NamedAsync(names, relay.Because, relay.Relay.ToHost(), route.Live, cancel)]
                    : await PortCheck.DomainAsync(dns, domain, route.Port, route.Live, cancel);
        }

        IEnumerable<(string Setting, string Host)> named =
        [
            .. route.Relay is null ? [] : new[] { ("Route:Relay", route.Relay) },
            .. route.Relays.Select(relay => ($"Route:Relays:{relay.Key}", relay.Value.Host)),
            .. route.Static.Select(host => ($"Route:Static:{host.Key}", host.Value)),
        ];
        var hosts = named.DistinctBy(n => n.Host, StringComparer.OrdinalIgnoreCase).Take(MostHosts).ToList();
        return hosts.Count > 0
            ? await Task.WhenAll(hosts.Select(n => PortCheck.NamedAsync(names, n.Setting, MailHost.TryParse(n.Host, 25)!, route.Live, cancel)))
            : [new("outbound port", route.Live ? Level.Warn : Level.Ok, "not tried", "Run doctor --domain with a domain that you send to, such as gmail.com: it connects to its mail hosts and sends nothing.")];
    }
}
