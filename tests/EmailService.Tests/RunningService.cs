using System.Net.Http.Headers;
using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.Tests;

/// <summary>The service in this process, with the role api, a database of its own and an empty data folder: as on its first start.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly TestDatabase database;

    private RunningService(TestDatabase database, WebApplication app, string folder)
    {
        this.database = database;
        App = app;
        DataFolder = folder;
        Client = NewClient();
    }

    public WebApplication App { get; }

    public string DataFolder { get; }

    /// <summary>Calls with the key of the first start.</summary>
    public HttpClient Client { get; }

    public string ApiKey => File.ReadAllLines(Path.Combine(DataFolder, "quickstart.env"))
        .Single(line => line.StartsWith("EMAILSERVICE_API_KEY=", StringComparison.Ordinal))["EMAILSERVICE_API_KEY=".Length..];

    /// <summary>Another client with that key.</summary>
    public HttpClient NewClient()
    {
        var client = new HttpClient { BaseAddress = new Uri(App.Urls.First()) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiKey);
        return client;
    }

    public static async Task<RunningService> StartAsync(Action<WebApplication>? map = null, params string[] settings)
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        var folder = Directory.CreateTempSubdirectory("es-test-data-").FullName;
        var app = ServiceHost.Build(
        [
            $"--EmailService:ConnectionString={database.ConnectionString}",
            $"--EmailService:DataFolder={folder}",
            "--EmailService:Roles=api",
            "--urls=http://127.0.0.1:0",
            "--Logging:LogLevel:Default=None",
            .. settings.Select(setting => $"--EmailService:{setting}"),
        ],
        builder => builder.Services.TryAddSingleton<IDnsResolver>(services =>
            new DnsResolver(new DnsResolverOptions(), services.GetRequiredService<TimeProvider>())));
        app.Services.GetRequiredService<Quickstart>().Output = TextWriter.Null;
        map?.Invoke(app);
        await app.StartAsync();
        return new RunningService(database, app, folder);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
        await database.DisposeAsync();
        Directory.Delete(DataFolder, recursive: true);
    }
}
