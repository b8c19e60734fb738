using System.Net.Http.Headers;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Inbox;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.Report;
using EmailService.Sign;
using EmailService.Steer;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmailService.Tests.Report;

/// <summary>A database of its own, the report's and the inbox's pages over HTTP, one account with a key, and rows put in by hand.</summary>
internal sealed class ReportWorld : IAsyncDisposable
{
    private readonly TestDatabase database;
    private readonly WebApplication app;

    private ReportWorld(TestDatabase database, WebApplication app)
    {
        this.database = database;
        this.app = app;
        Address = new Uri(app.Urls.Single() is var url && url.StartsWith("http://unix:", StringComparison.Ordinal) ? "http://localhost" : url.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
        Http = new HttpClient { BaseAddress = Address };
    }

    public static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public Uri Address { get; }

    public HttpClient Http { get; }

    public string Key { get; private set; } = "";

    public int AccountId { get; private set; }

    public IServiceProvider Services => app.Services;

    public NpgsqlDataSource Database => database.DataSource;

    /// <param name="live">Whether live delivery is on.</param>
    /// <param name="openOnLoopback">The setting of the inbox.</param>
    /// <param name="url">Where it listens.</param>
    public static async Task<ReportWorld> CreateAsync(bool live = false, bool openOnLoopback = false, string url = "http://127.0.0.1:0")
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration["EmailService:Inbox:Port"] = "0";
        builder.Configuration["EmailService:Inbox:OpenOnLoopback"] = openOnLoopback ? "true" : "false";
        builder.WebHost.UseUrls(url);
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new OptionsBinder(builder.Configuration));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<EventSignal>();
        builder.Services.AddSingleton(new PlatformOptions { HostName = "mail.test" });
        builder.Services.AddSingleton(database.DataSource);
        builder.Services.AddSingleton(new FileDescriptors(FileDescriptors.ReadLimit()));
        builder.Services.AddApiKeys();
        builder.Services.AddSingleton<SecretStore>();
        builder.Services.AddSingleton<VerpKeys>();
        builder.Services.AddHostedService(services => services.GetRequiredService<VerpKeys>());
        builder.Services.AddSingleton(new DeliveryMode(live));
        builder.Services.AddSingleton<HeldStore>();
        builder.Services.AddSingleton<OverlayStore>();
        builder.Services.AddSingleton<LaneStatusStore>();
        builder.Services.AddSingleton<LaneFactsReader>();
        builder.AddReport();
        builder.AddInbox();
        var app = builder.Build();
        app.UseApiPipeline();
        app.MapReport();
        app.MapInbox();
        await app.StartAsync();
        var world = new ReportWorld(database, app);
        (world.AccountId, world.Key) = await world.AddAccountAsync("first", isOperator: true);
        world.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", world.Key);
        return world;
    }

    public async Task<(int Id, string Key)> AddAccountAsync(string name, bool isOperator = false)
    {
        var id = (int)(await ScalarAsync("INSERT INTO accounts (name) VALUES ($1) RETURNING id", name))!;
        return (id, (await Services.GetRequiredService<ApiKeys>().CreateAsync(id, "test", isOperator, CancellationToken.None)).Key);
    }

    /// <summary>A message's own row, with this envelope.</summary>
    public async Task<MessageId> AddMessageAsync(
        string[] to, string[]? cc = null, string[]? bcc = null, DateTimeOffset? sendAt = null, DateTimeOffset? at = null, int? account = null, string subject = "Order 1")
    {
        var id = MessageId.NewRequest(at ?? Now);
        var envelope = new Personalization
        {
            To = [.. to.Select(address => new MailAddress(address))],
            Cc = [.. (cc ?? []).Select(address => new MailAddress(address))],
            Bcc = [.. (bcc ?? []).Select(address => new MailAddress(address))],
        };
        await ExecuteAsync("""
            INSERT INTO messages (id, account_id, created_at, send_at, from_address, subject, recipient_count, size, categories, custom_args, personalization)
            VALUES ($1, $2, $3, $4, 'shop@example.com', $5, $6, 1234, ARRAY['receipts'], '{"order":"1"}', $7)
            """, id.Value, account ?? AccountId, at ?? Now, (object?)sendAt ?? DBNull.Value, subject, (short)envelope.RecipientCount, MessageCodec.Encode(envelope));
        return id;
    }

    public Task AddQueuedAsync(
        MessageId id, short n, string address, DateTimeOffset dueAt, int attempts = 0, string? lastReply = null, string lane = "lane-a", int? account = null) =>
        ExecuteAsync("""
            INSERT INTO outbox (message_id, n, account_id, address, lane, state, due_at, expires_at, attempts, last_reply)
            VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9)
            """, id.Value, n, account ?? AccountId, address, lane, dueAt, Now.AddHours(72), attempts, (object?)lastReply ?? DBNull.Value);

    public Task AddSettledAsync(MessageId id, short n, string address, string state, string? reply = null, int? account = null) =>
        ExecuteAsync("""
            INSERT INTO settled (message_id, n, account_id, address, state, settled_at, attempts, reply) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
            """, id.Value, n, account ?? AccountId, address, state, Now, (object?)reply ?? DBNull.Value);

    public const string EventSql =
        "INSERT INTO events (message_id, n, account_id, kind, at, address, attempt) VALUES ($1, $2, $3, $4, $5, 'a@example.org', 1)";

    public Task AddEventAsync(MessageId id, short n, string kind, int? account = null) =>
        ExecuteAsync(EventSql, id.Value, n, account ?? AccountId, kind, Now);

    public async Task<JsonElement> GetAsync(string path)
    {
        using var response = await Http.GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {text}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    public async Task<(int Status, JsonElement Errors)> RefusedAsync(string path)
    {
        using var response = await Http.GetAsync(path);
        var json = JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync());
        return ((int)response.StatusCode, json.GetProperty("errors"));
    }

    public Task ExecuteAsync(string sql, params object[] values) => ScalarAsync(sql, values);

    public async Task<object?> ScalarAsync(string sql, params object[] values)
    {
        await using var command = Database.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await app.DisposeAsync();
        await database.DisposeAsync();
    }
}
