using System.Diagnostics;
using EmailService.Accept;
using EmailService.Dns;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace EmailService.ServiceKit;

/// <summary>The whole service in the test's own process, on a database of its own, with a scripted DNS and, when
/// asked for, a clock that the test moves. Live delivery is on: mail goes to the scripted mail hosts.</summary>
public sealed class TestService : IAsyncDisposable
{
    private static int nextHost = 1;

    private readonly TestDatabase database;
    private readonly string dataFolder;

    private TestService(WebApplication app, TestDatabase database, string dataFolder, LoopbackDns dns, ManualTime? time, int mxPort)
    {
        App = app;
        this.dataFolder = dataFolder;
        this.database = database;
        Dns = dns;
        Time = time;
        MxPort = mxPort;
    }

    public WebApplication App { get; }

    public LoopbackDns Dns { get; }

    /// <summary>The clock, if the test moves it.</summary>
    public ManualTime? Time { get; }

    /// <summary>The port on which the service looks for mail hosts, instead of 25.</summary>
    public int MxPort { get; }

    public NpgsqlDataSource Db => database.DataSource;

    public string ConnectionString => database.ConnectionString;

    public T Get<T>() where T : notnull => App.Services.GetRequiredService<T>();

    public static async Task<TestService> StartAsync(bool manualTime = false, TestDatabase? database = null, LoopbackDns? dns = null,
        int? mxPort = null, params string[] settings)
    {
        database ??= await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrateAsync);
        dns ??= new LoopbackDns();
        var time = manualTime ? new ManualTime(TimeProvider.System.GetUtcNow()) : null;
        var port = mxPort ?? FreePort();
        var dataFolder = Directory.CreateTempSubdirectory("es-test-data-").FullName;
        string[] args =
        [
            "--urls", "http://127.0.0.1:0",
            $"--EmailService:ConnectionString={database.ConnectionString}",
            $"--EmailService:DataFolder={dataFolder}",
            "--EmailService:HostName=sender.test",
            "--EmailService:Route:Live=true",
            $"--EmailService:Route:Port={port}",
            $"--EmailService:Route:DnsServers:0={dns.EndPoint}",
            .. settings.Select(s => "--EmailService:" + s),
        ];
        var app = ServiceHost.Build(args, builder =>
        {
            if (time is not null)
            {
                builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(time));
            }
        });
        await app.StartAsync();
        await TestSender.AddAsync(app.Services.GetRequiredService<NpgsqlDataSource>());
        return new TestService(app, database, dataFolder, dns, time, port);
    }

    public static Task MigrateAsync(string connectionString) => MigrationRunner.ApplyAsync(connectionString);

    /// <summary>A mail host on an address of its own, at the port where the service looks, known to DNS by this name.</summary>
    public ScriptedMx AddMx(string domain, int preference = 10, string? name = null, string? address = null)
    {
        address ??= $"127.77.{Interlocked.Increment(ref nextHost) / 250 % 250}.{nextHost % 250 + 1}";
        name ??= $"mx{preference}.{domain}";
        var mx = ScriptedMx.Start(address, MxPort);
        Dns.Mx(domain, preference, name).A(name, address);
        return mx;
    }

    /// <summary>Accepts a message as if it had come by HTTP.</summary>
    public async Task<MessageId> AcceptAsync(string to, OnUnknown onUnknown = OnUnknown.Retry, DateTimeOffset? sendAt = null, IdempotencyKey? key = null)
    {
        var result = await Get<AcceptWorker>().AcceptAsync(1, Request(to, onUnknown, sendAt), key, CancellationToken.None);
        return ((AcceptResult.Accepted)result).RequestId;
    }

    public static SendRequest Request(string to, OnUnknown onUnknown = OnUnknown.Retry, DateTimeOffset? sendAt = null) => new()
    {
        Content = new MessageContent
        {
            From = new MailAddress("shop@sender.test", "The Shop"),
            Subject = "Your order",
            Bodies = [new MessageBody("text/plain", "Thank you for your order.\n")],
        },
        Messages = [new RequestedMessage(new Personalization { To = [.. to.Split(',').Select(t => new MailAddress(t.Trim()))] }, sendAt, new Dictionary<string, string>())],
        OnUnknown = onUnknown,
        Size = 500,
    };

    /// <summary>The kinds of a message's events, in the order of the log.</summary>
    public async Task<List<string>> EventsAsync(MessageId message)
    {
        await using var command = Db.CreateCommand("SELECT kind FROM events WHERE message_id = $1 ORDER BY xact, id");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = message.Value });
        await using var reader = await command.ExecuteReaderAsync();
        var kinds = new List<string>();
        while (await reader.ReadAsync())
        {
            kinds.Add(reader.GetString(0));
        }

        return kinds;
    }

    /// <summary>Waits until the log says it; a test that waits for what never comes fails after 20 s.</summary>
    public async Task<List<string>> WaitForEventAsync(MessageId message, string kind, int times = 1)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var kinds = await EventsAsync(message);
            if (kinds.Count(k => k == kind) >= times)
            {
                return kinds;
            }

            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(20))
            {
                throw new TimeoutException($"no \"{kind}\" ({times} times) in the log of {message} after 20 s; it has: {string.Join(", ", kinds)}");
            }

            await Task.Delay(10);
        }
    }

    /// <summary>One value of one row.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Db.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private static int FreePort()
    {
        using var socket = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        socket.Start();
        return ((System.Net.IPEndPoint)socket.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
        await Dns.DisposeAsync();
        await database.DisposeAsync();
        Directory.Delete(dataFolder, recursive: true);
    }
}
