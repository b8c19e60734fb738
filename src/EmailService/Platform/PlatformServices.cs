using System.Globalization;
using EmailService.Platform.Http;
using EmailService.Platform.Jobs;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
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
        var postgres = builder.AddOptions<PostgresOptions>("Postgres");
        AddFileDescriptors(builder, postgres);
        var isStarted = new StartedFlag();
        builder.Services.AddSingleton(isStarted);
        builder.AddConsoleLog(() => isStarted.Value);

        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        services.AddSingleton<ServiceMeter>();
        services.AddSingleton<MetricsCollector>();
        builder.AddOptions<MetricsOptions>("Metrics");
        builder.AddOptions<MemoryOptions>("Memory");
        services.AddSingleton<MemoryBudget>();
        services.AddSingleton<CostlyCalls>();
        services.AddHostedService<MemoryReturn>();
        if (platform.IsEmbedded)
        {
            services.AddSingleton<EmbeddedPostgres>();
        }

        services.AddSingleton(Random.Shared);
        services.AddSingleton<IStoreProbe, StoreProbe>();
        services.AddSingleton<StoreHealth>();
        services.AddSingleton<DatabaseQuestion>();
        services.AddHostedService<StoreMetrics>();
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

    /// <summary>Health.</summary>
    public static WebApplication MapPlatform(this WebApplication app)
    {
        app.MapHealth();
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

    /// <summary>The file descriptors of this process, of which whoever opens many asks for a part.</summary>
    public static FileDescriptors FileDescriptors(this WebApplicationBuilder builder) =>
        (FileDescriptors)builder.Services.First(service => service.ServiceType == typeof(FileDescriptors)).ImplementationInstance!;

    private static void AddFileDescriptors(WebApplicationBuilder builder, PostgresOptions postgres)
    {
        var descriptors = new FileDescriptors(Platform.FileDescriptors.ReadLimit());
        var ofDatabase = descriptors.ForDatabase(postgres.MaxConnections);
        builder.Services.AddSingleton(descriptors);
        builder.Services.AddSingleton(provider => DataSource(provider, ofDatabase));
        builder.Services.AddHostedService<FileDescriptorReport>();

        // Beyond these a caller's connection is closed at once. Without it the next to come would find no descriptor, and neither would anybody else.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxConcurrentConnections = descriptors.ForCallers);
        if (descriptors.ForCallers is { } most)
        {
            builder.Services.AddSingleton<IConnectionListenerFactory>(provider => new BoundedListenerFactory(
                ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider), most, provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<BoundedListenerFactory>>()));
        }
    }

    internal static OptionsBinder Binder(this WebApplicationBuilder builder) =>
        (OptionsBinder)builder.Services.First(service => service.ServiceType == typeof(OptionsBinder)).ImplementationInstance!;

    private static NpgsqlDataSource DataSource(IServiceProvider provider, int most)
    {
        var platform = provider.GetRequiredService<PlatformOptions>();
        var given = platform.IsEmbedded ? provider.GetRequiredService<EmbeddedPostgres>().ConnectionString : platform.ConnectionString;
        var connection = new NpgsqlConnectionStringBuilder(given)
        {
            ApplicationName = string.Create(CultureInfo.InvariantCulture, $"emailservice/{Environment.ProcessId}"),
            MaxPoolSize = most,
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

    /// <summary>Whether everything has started.</summary>
    private sealed class StartedFlag
    {
        public volatile bool Value;
    }
}
