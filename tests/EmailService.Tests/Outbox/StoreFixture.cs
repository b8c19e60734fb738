using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.Tests.Outbox;

/// <summary>A database of a test's own with the two stores that move recipients, and no service that could interfere.</summary>
internal sealed class StoreFixture : IAsyncDisposable
{
    public static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);
    public const long Node = 7;

    private readonly TestDatabase database;

    private StoreFixture(TestDatabase database) => this.database = database;

    public NpgsqlDataSource Db => database.DataSource;

    public OutboxStore Outbox => new(Db);

    public LedgerStore Ledger => new(Db);

    public static async Task<StoreFixture> CreateAsync() =>
        new(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync));

    /// <summary>Puts recipients into the queue, due now.</summary>
    public Task EnqueueAsync(int count, string lane = "shop.test", int dueInSeconds = 0, MailStream stream = MailStream.Transactional, int account = 1) => ExecuteAsync($"""
        INSERT INTO outbox (message_id, n, account_id, address, lane, priority, state, due_at, expires_at)
        SELECT gen_random_uuid(), 0, {account}, 'a' || i || '@shop.test', '{lane}', {(int)stream}, 'queued',
               '{Now:O}'::timestamptz + make_interval(secs => {dueInSeconds} - i / 1000.0), '{Now.AddHours(72):O}'
          FROM generate_series(1, {count}) AS i
        """);

    public Task<List<ClaimedRecipient>> ClaimAsync(int count, string lane = "shop.test") =>
        Outbox.ClaimDueAsync([new WantedLane(lane, count, count, count)], Node, Now, Now.AddHours(2), CancellationToken.None);

    public async Task<int> ExecuteAsync(string sql)
    {
        await using var command = Db.CreateCommand(sql);
        command.CommandTimeout = 120;
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Db.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public static Settlement Delivered(ClaimedRecipient claim, int? attempt = null) => new()
    {
        Recipient = claim.Id, Attempt = attempt ?? claim.Attempt, End = RecipientState.Delivered, Event = EventKind.Delivered,
        At = Now, ProcessedAt = Now, Reply = "250 2.0.0 Ok", DetailJson = "{}", Steps = [Step(Disposition.Delivered)],
    };

    public static Settlement Deferred(ClaimedRecipient claim, int? attempt = null) => new()
    {
        Recipient = claim.Id, Attempt = attempt ?? claim.Attempt, DueAt = Now.AddMinutes(1), Event = EventKind.Deferred,
        At = Now, Lane = "mx:mx.shop.test", Reply = "450 4.2.1 Busy", DetailJson = "{}", Steps = [Step(Disposition.Deferred)],
    };

    private static AttemptStep Step(Disposition disposition) => new()
    {
        StartedAt = Now, Duration = TimeSpan.FromMilliseconds(5), Disposition = disposition, Stage = "end of data", MailHost = "mx.shop.test", Reply = "reply",
    };

    public ValueTask DisposeAsync() => database.DisposeAsync();
}
