using System.Runtime.CompilerServices;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Notify;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Tests.Notify;

/// <summary>A database of its own, a receiver on loopback, a clock that a test moves, and nodes that send when they are told to.</summary>
internal sealed class NotifyWorld : IAsyncDisposable
{

    private readonly TestDatabase database;
    private readonly Dictionary<long, (WebhookQueue Queue, WebhookSender Sender, WebhookWorker Worker)> nodes = [];

    private NotifyWorld(TestDatabase database, WebhookSink sink, NotifyOptions options)
    {
        this.database = database;
        Sink = sink;
        Options = options;
        Store = new WebhookStore(Database, options, Time);
    }

    public ManualTime Time { get; } = new();

    public WebhookSink Sink { get; }

    public NotifyOptions Options { get; }

    public WebhookStore Store { get; }

    public NpgsqlDataSource Database => database.DataSource;

    public string ConnectionString => database.ConnectionString;

    public int AccountId { get; private set; }

    public static async Task<NotifyWorld> CreateAsync(NotifyOptions? options = null)
    {
        var server = await PostgresServer.SharedAsync();
        var world = new NotifyWorld(
            await server.CreateDatabaseAsync(MigrationRunner.ApplyAsync), await WebhookSink.StartAsync(), options ?? new NotifyOptions());
        world.AccountId = await world.AddAccountAsync("first");
        return world;
    }

    public async Task<int> AddAccountAsync(string name) =>
        (int)(await ScalarAsync("INSERT INTO accounts (name) VALUES ($1) RETURNING id", name))!;

    public async Task<Webhook> AddWebhookAsync(string path = "/events", string[]? kinds = null, bool enabled = true) =>
        (await Store.AddAsync(AccountId, Sink.Url(path), kinds ?? WebhookStore.DefaultKinds, enabled, CancellationToken.None))!;

    /// <summary>A webhook for which one event waits.</summary>
    public async Task<Webhook> AddDueWebhookAsync()
    {
        var webhook = await AddWebhookAsync();
        await LogAsync(await AddMessageAsync(), EventKind.Delivered);
        await ReadableAsync();
        return webhook;
    }

    /// <summary>A message with a row of its own.</summary>
    public async Task<MessageId> AddMessageAsync(string[]? categories = null, string? customArgs = null, string from = "shop@example.com")
    {
        var id = MessageId.NewRequest(Time.GetUtcNow());
        await using var command = Database.CreateCommand("""
            INSERT INTO messages (id, account_id, created_at, from_address, subject, recipient_count, size, categories, custom_args, personalization)
            VALUES ($1, $2, $3, $4, 'Hello', 1, 100, $5, $6::jsonb, '')
            """);
        command.Parameters.Add(new() { Value = id.Value });
        command.Parameters.Add(new() { Value = AccountId });
        command.Parameters.Add(new() { Value = Time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new() { Value = from });
        command.Parameters.Add(new() { Value = (object?)categories ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)customArgs ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync();
        return id;
    }

    /// <summary>Writes an event as Record would and returns its id in the log.</summary>
    public async Task<long> LogAsync(
        MessageId message, EventKind kind, short n = 0, int attempt = 1, string? detail = null, int? account = null, NpgsqlConnection? on = null)
    {
        await using var own = on is null ? await Database.OpenConnectionAsync() : null;
        await using var command = new NpgsqlCommand("""
            INSERT INTO events (message_id, n, account_id, kind, at, address, attempt, detail)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb) RETURNING id
            """, on ?? own);
        command.Parameters.Add(new() { Value = message.Value });
        command.Parameters.Add(new() { Value = n });
        command.Parameters.Add(new() { Value = account ?? AccountId });
        command.Parameters.Add(new() { Value = kind.ToName() });
        command.Parameters.Add(new() { Value = Time.GetUtcNow().UtcDateTime });
        command.Parameters.Add(new() { Value = $"r{n}@example.net" });
        command.Parameters.Add(new() { Value = attempt });
        command.Parameters.Add(new() { Value = (object?)detail ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>One look at the log by one node: claims what is due, sends a batch for each, settles.</summary>
    public async Task<int> StepAsync(long node = 1)
    {
        var (queue, _, worker) = Node(node);
        var claims = await ClaimAsync(node);
        await Task.WhenAll(claims.Select(claim => worker.SendNextAsync(claim, CancellationToken.None)));
        return claims.Count;
    }

    public async Task<List<Claim>> ClaimAsync(long node = 1)
    {
        var queue = Node(node).Queue;
        var healthy = await queue.ClaimAsync(node, Time.GetUtcNow(), Options.Lease, failing: false, 10, CancellationToken.None);
        var failing = await queue.ClaimAsync(node, Time.GetUtcNow(), Options.Lease, failing: true, 10, CancellationToken.None);
        return [.. healthy, .. failing];
    }

    /// <summary>Looks again and again until this is so.</summary>
    public Task StepUntilAsync(Func<bool> condition, long node = 1, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        Wait.UntilAsync(async () => condition() || (await StepAsync(node) > 0 && condition()), what);

    /// <summary>Other tests' transactions in the same cluster hold up readers; waits until all that is in the log can be read.</summary>
    public Task ReadableAsync() => Wait.UntilAsync(
        async () => !(bool)(await ScalarAsync("SELECT EXISTS (SELECT FROM events WHERE xact >= pg_snapshot_xmin(pg_current_snapshot()))"))!,
        "all that is in the log can be read");

    public (WebhookQueue Queue, WebhookSender Sender, WebhookWorker Worker) Node(long id)
    {
        lock (nodes)
        {
            if (!nodes.TryGetValue(id, out var node))
            {
                var queue = new WebhookQueue(Database);
                var sender = new WebhookSender(Options, new DeliveryMode(Live: false), Time);
                nodes[id] = node = (queue, sender, new WebhookWorker(queue, sender, Options, Time, NullLogger<WebhookWorker>.Instance));
            }

            return node;
        }
    }

    public async Task<object?> ScalarAsync(string sql, params object[] values)
    {
#pragma warning disable CA2100 // The tests' own text.
        await using var command = Database.CreateCommand(sql);
#pragma warning restore CA2100
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return await command.ExecuteScalarAsync();
    }

    public async Task<List<string>> OutcomesAsync(Webhook webhook) =>
        [.. (await Store.DeliveriesAsync(webhook.Id, long.MaxValue, 500, CancellationToken.None)).AsEnumerable().Reverse().Select(d => d.Outcome)];

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes.Values)
        {
            node.Sender.Dispose();
        }

        await Sink.DisposeAsync();
        await database.DisposeAsync();
    }
}

internal static class SinkReading
{
    public static List<JsonElement> Events(this SinkRequest request)
    {
        using var document = JsonDocument.Parse(request.Body);
        return [.. document.RootElement.EnumerateArray().Select(e => e.Clone())];
    }

    public static List<string> Ids(this SinkRequest request) => [.. request.Events().Select(e => e.GetProperty("sg_event_id").GetString()!)];

    /// <summary>The log's own ids, read out of those that a receiver sees.</summary>
    public static List<long> LogIds(this SinkRequest request) => [.. request.Ids().Select(LogId)];

    private static long LogId(string eventId)
    {
        var text = System.Text.Encoding.ASCII.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(eventId));
        return long.Parse(text[(text.LastIndexOf('-') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
