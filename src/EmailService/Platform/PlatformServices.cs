using System.Globalization;
using EmailService.Platform.Http;
using EmailService.Platform.Jobs;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Console;
using Npgsql;

namespace EmailService.Platform;

/// <summary>Registers what every slice stands on: options, database, node registry, metrics, health.</summary>
public static class PlatformServices
{
    /// <summary>Call first: hosted services start in the order of registration and stop in the reverse order.</summary>
    public static WebApplicationBuilder AddPlatform(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(new OptionsBinder(builder.Configuration));
        var platform = builder.AddOptions<PlatformOptions>("");
        builder.AddOptions<PostgresOptions>("Postgres");
        var isStarted = new StartedFlag();
        builder.Services.AddSingleton(isStarted);
        AddLogging(builder.Logging, isStarted);

        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        services.AddSingleton<ServiceMeter>();
        services.AddSingleton<MetricsCollector>();
        builder.AddOptions<MemoryOptions>("Memory");
        services.AddSingleton<MemoryBudget>();
        services.AddSingleton<CostlyCalls>();
        services.AddHostedService<MemoryReturn>();
        if (platform.IsEmbedded)
        {
            services.AddSingleton<EmbeddedPostgres>();
        }

        services.AddSingleton(DataSource);
        services.AddSingleton(Random.Shared);
        services.AddSingleton<IStoreProbe, StoreProbe>();
        services.AddSingleton<StoreHealth>();
        services.AddSingleton<NodeRegistry>();
        services.AddSingleton<INode>(provider => provider.GetRequiredService<NodeRegistry>());
        services.AddSingleton<DatabaseStartup>();
        services.AddHostedService(provider => provider.GetRequiredService<DatabaseStartup>());
        services.AddHostedService(provider => provider.GetRequiredService<NodeRegistry>());
        services.AddSingleton<DailyPartitions>();
        services.AddHostedService(provider => provider.GetRequiredService<DailyPartitions>());
        services.AddJob<DailyPartitions>("partitions", "0 7 * * * ?");
        builder.AddOptions<RetentionOptions>("Retention");
        services.AddJob<Retention>("retention", "0 41 3 * * ?");
        services.AddJobs();
        services.AddSingleton<JobGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<JobGauges>());
        services.AddSingleton<EventSignal>();
        return builder;
    }

    /// <summary>Health and metrics.</summary>
    public static WebApplication MapPlatform(this WebApplication app)
    {
        app.MapHealth();
        app.MapMetrics();
        var isStarted = app.Services.GetRequiredService<StartedFlag>();
        app.Lifetime.ApplicationStarted.Register(() => isStarted.Value = true);
        return app;
    }

    /// <summary>Binds <c>EmailService:{section}</c> and makes the record available to constructors. What is wrong is reported with
    /// all else that is wrong when the service is built.</summary>
    public static T AddOptions<T>(this WebApplicationBuilder builder, string section)
        where T : class, new()
    {
        var options = builder.Binder().Bind<T>(section);
        builder.Services.AddSingleton(options);
        return options;
    }

    internal static OptionsBinder Binder(this WebApplicationBuilder builder) =>
        (OptionsBinder)builder.Services.First(service => service.ServiceType == typeof(OptionsBinder)).ImplementationInstance!;

    private static NpgsqlDataSource DataSource(IServiceProvider provider)
    {
        var platform = provider.GetRequiredService<PlatformOptions>();
        var options = provider.GetRequiredService<PostgresOptions>();
        var given = platform.IsEmbedded ? provider.GetRequiredService<EmbeddedPostgres>().ConnectionString : platform.ConnectionString;
        var connection = new NpgsqlConnectionStringBuilder(given)
        {
            ApplicationName = string.Create(CultureInfo.InvariantCulture, $"emailservice/{Environment.ProcessId}"),
            MaxPoolSize = options.MaxConnections,
            // Finds out about a server that is gone without a word, behind a firewall that forgets.
            KeepAlive = 30,
            // To reset a connection at each return costs PostgreSQL a twelfth of its time. There is nothing to reset: settings are set for a
            // transaction only, and who takes a lock for longer than one gives it back.
            NoResetOnClose = true,
            // Details quote rows: addresses of people do not belong into logs.
            IncludeErrorDetail = false,
        };
        // The planner thinks that a batch over many partitions is worth compiling: a second for a query of half a millisecond.
        // And a plan that is made while a table is empty reads it whole, and is kept when the table has grown to millions of rows:
        // every statement of ours is meant to go in by an index and to loop from there, so other plans are said to be costly.
        // The operator's own options come after ours, and win.
        connection.Options = $"-c jit=off -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off {connection.Options}".TrimEnd();
        if (!connection.ShouldSerialize("Max Auto Prepare"))
        {
            // The same few statements again and again: parsing and planning them each time costs PostgreSQL more than running them.
            // "Max Auto Prepare=0" in the connection string turns it off, for a pooler that cannot keep prepared statements.
            connection.MaxAutoPrepare = 40;
            connection.AutoPrepareMinUsages = 3;
        }

        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString);
        builder.UseLoggerFactory(provider.GetRequiredService<ILoggerFactory>());
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, StartedFlag isStarted)
    {
        logging.ClearProviders();
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        // The host logs why it could not start, and throws it. Whoever called it says it, once and in one line.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && isStarted.Value);
        // Defaults; the Logging section of the configuration says otherwise.
        logging.Services.AddSingleton<Microsoft.Extensions.Options.IConfigureOptions<LoggerFilterOptions>>(
            new Microsoft.Extensions.Options.ConfigureOptions<LoggerFilterOptions>(filter =>
            {
                foreach (var category in (ReadOnlySpan<string>)["Npgsql", "Microsoft.AspNetCore", "Microsoft.Hosting", "Microsoft.Extensions", "Quartz"])
                {
                    if (!filter.Rules.Any(rule => rule.CategoryName == category))
                    {
                        filter.Rules.Add(new LoggerFilterRule(null, category, LogLevel.Warning, null));
                    }
                }
            }));
    }

    /// <summary>Whether everything has started.</summary>
    private sealed class StartedFlag
    {
        public volatile bool Value;
    }
}
