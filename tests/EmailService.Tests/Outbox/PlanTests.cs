using System.Reflection;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Record;
using EmailService.Report;
using Npgsql;
using NpgsqlTypes;
using static EmailService.Tests.Outbox.StoreFixture;

namespace EmailService.Tests.Outbox;

/// <summary>What the hot statements cost must not depend on how much waits.</summary>
public sealed class PlanTests
{
    [Fact]
    public async Task Claim_and_settle_use_indexes_and_cost_the_same_at_any_depth()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(1_000);
        await store.EnqueueAsync(200, "other.test");
        await store.ExecuteAsync("VACUUM ANALYZE outbox");
        var shallow = await ClaimAsync(store);

        await store.EnqueueAsync(200_000, dueInSeconds: -1000, stream: MailStream.Bulk);
        await store.ExecuteAsync("VACUUM ANALYZE outbox");
        var deep = await ClaimAsync(store);

        Assert.DoesNotContain("Seq Scan on outbox", deep.Plan, StringComparison.Ordinal);
        Assert.Contains("outbox_due", deep.Plan, StringComparison.Ordinal);
        Assert.Contains("suppressions_pkey", deep.Plan, StringComparison.Ordinal);
        Assert.True(deep.Buffers < 2 * shallow.Buffers, $"claiming 100 touched {shallow.Buffers} buffers of 1,000 rows and {deep.Buffers} of 200,000");

        var claims = await store.ClaimAsync(100);
        var settle = await ExplainAsync(store, Sql<LedgerStore>("SettleSql"), SettleParameters([.. claims.Select(c => Delivered(c) with { SuppressAs = "unknown-user" })]));
        Assert.DoesNotContain("Seq Scan on outbox", settle.Plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on settled", settle.Plan, StringComparison.Ordinal);

        var lanes = await ExplainAsync(store, Sql<OutboxStore>("FindDueLanesSql"), []);
        Assert.DoesNotContain("Seq Scan on outbox", lanes.Plan, StringComparison.Ordinal);
        Assert.True(lanes.Buffers < 150, $"finding two lanes among 200,000 rows touched {lanes.Buffers} buffers");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_recipient_of_an_account_is_found_and_claimed_without_reading_what_another_has(bool isAnalyzed)
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(200_000, dueInSeconds: -1000);
        await store.EnqueueAsync(1, account: 2);
        await store.ExecuteAsync(isAnalyzed ? "VACUUM ANALYZE outbox" : "VACUUM outbox");

        var accounts = await ExplainAsync(store, Sql<OutboxStore>("FindDueAccountsSql"),
        [
            new NpgsqlParameter<string[]> { TypedValue = ["shop.test"] },
            new NpgsqlParameter<short[]> { TypedValue = [0] },
            new NpgsqlParameter<int[]> { TypedValue = [int.MinValue] },
            new NpgsqlParameter<DateTime> { TypedValue = Now.UtcDateTime },
            new NpgsqlParameter<int> { TypedValue = 1000 },
        ]);
        Assert.Contains("outbox_turns", accounts.Plan, StringComparison.Ordinal);
        Assert.True(accounts.Buffers < 50, $"finding two accounts touched {accounts.Buffers} buffers");

        var claim = await ExplainAsync(store, Sql<OutboxStore>("ClaimDueOfAccountsSql"),
        [
            new NpgsqlParameter<string[]> { TypedValue = ["shop.test", "shop.test"] },
            new NpgsqlParameter<short[]> { TypedValue = [0, 0] },
            new NpgsqlParameter<int[]> { TypedValue = [1, 2] },
            new NpgsqlParameter<int[]> { TypedValue = [1, 50] },
            new NpgsqlParameter<DateTime> { TypedValue = Now.UtcDateTime },
            new NpgsqlParameter<long> { TypedValue = Node },
            new NpgsqlParameter<DateTime> { TypedValue = Now.AddHours(2).UtcDateTime },
            new NpgsqlParameter<long> { TypedValue = 51 },
        ]);
        Assert.Contains("outbox_turns", claim.Plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on outbox", claim.Plan, StringComparison.Ordinal);
        Assert.True(claim.Buffers < 150, $"claiming one recipient each of two accounts touched {claim.Buffers} buffers");
    }

    [Fact]
    public async Task What_is_ahead_of_an_account_is_counted_without_reading_what_another_has_though_the_statistics_know_one_account_only()
    {
        await using var store = await CreateAsync();
        await store.EnqueueAsync(200_000, dueInSeconds: -1000);
        await store.ExecuteAsync("VACUUM ANALYZE outbox");
        await store.EnqueueAsync(3, account: 2);
        var message = await store.ScalarAsync<Guid>("SELECT message_id FROM outbox WHERE account_id = 2 ORDER BY due_at DESC LIMIT 1");

        var ahead = await ExplainAsync(store, Sql<MessageReportStore>("AheadSql"),
        [
            new NpgsqlParameter<Guid> { TypedValue = message },
            new NpgsqlParameter<int> { TypedValue = 2 },
            new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Smallint, Value = DBNull.Value },
            new NpgsqlParameter<int> { TypedValue = 1000 },
        ]);

        Assert.Contains("outbox_turns", ahead.Plan, StringComparison.Ordinal);
        Assert.True(ahead.Buffers < 50, $"counting what is ahead touched {ahead.Buffers} buffers");
    }

    private static Task<(string Plan, int Buffers)> ClaimAsync(StoreFixture store) => ExplainAsync(store, Sql<OutboxStore>("ClaimDueSql"),
    [
        new NpgsqlParameter<string[]> { TypedValue = ["shop.test"] },
        new NpgsqlParameter<int[]> { TypedValue = [90] },
        new NpgsqlParameter<int[]> { TypedValue = [100] },
        new NpgsqlParameter<int[]> { TypedValue = [100] },
        new NpgsqlParameter<DateTime> { TypedValue = Now.UtcDateTime },
        new NpgsqlParameter<long> { TypedValue = Node },
        new NpgsqlParameter<DateTime> { TypedValue = Now.AddHours(2).UtcDateTime },
        new NpgsqlParameter<long> { TypedValue = 100 },
    ]);

    // As the store fills them, without attempts.
    private static List<NpgsqlParameter> SettleParameters(IReadOnlyList<Settlement> settlements)
    {
        var none = settlements.Take(0).ToList();
        return
        [
            settlements.Column(s => s.Recipient.Message.Value), settlements.Column(s => s.Recipient.N), settlements.Column(s => s.Attempt),
            settlements.TextColumn(_ => "delivered"), settlements.Column(s => (DateTime?)null), settlements.TextColumn(_ => "delivered"),
            settlements.Column(s => s.At.UtcDateTime), settlements.Column(s => (DateTime?)s.At.UtcDateTime), settlements.TextColumn(_ => null),
            settlements.TextColumn(_ => "250"), settlements.TextColumn(_ => "{}"),
            none.Column(s => s.Recipient.Message.Value), none.Column(s => s.Recipient.N), none.Column(s => s.Attempt), none.Column(s => s.Recipient.N),
            none.Column(s => s.At.UtcDateTime), none.Column(s => s.Attempt), none.TextColumn(_ => null), none.TextColumn(_ => null),
            none.TextColumn(_ => null), none.TextColumn(_ => null), none.TextColumn(_ => null), none.TextColumn(_ => null),
            none.Column(s => true), none.TextColumn(_ => null), none.TextColumn(_ => null), none.TextColumn(_ => null),
            settlements.TextColumn(s => s.SuppressAs), new NpgsqlParameter<TimeSpan> { TypedValue = LedgerStore.BetweenRefusals },
            settlements.TextColumn(_ => "default"), none.TextColumn(_ => null),
        ];
    }

    // The statements stay private where they are used; their plans are looked at from here.
    private static string Sql<TStore>(string name) =>
        (string)typeof(TStore).GetField(name, BindingFlags.NonPublic | BindingFlags.Static)!.GetRawConstantValue()!;

    /// <summary>Runs the statement, takes it back, and tells how it was done.</summary>
    private static async Task<(string Plan, int Buffers)> ExplainAsync(StoreFixture store, string sql, IReadOnlyList<NpgsqlParameter> parameters)
    {
        await using var connection = await store.Db.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, connection, transaction);
        command.Parameters.AddRange(parameters.ToArray());
        using var json = JsonDocument.Parse((string)(await command.ExecuteScalarAsync())!);
        await transaction.RollbackAsync();
        var plan = json.RootElement[0].GetProperty("Plan");
        var nodes = new List<string>();
        Describe(plan, nodes);
        return (string.Join('\n', nodes), plan.GetProperty("Shared Hit Blocks").GetInt32() + plan.GetProperty("Shared Read Blocks").GetInt32());
    }

    private static void Describe(JsonElement plan, List<string> nodes)
    {
        var relation = plan.TryGetProperty("Relation Name", out var r) ? " on " + r.GetString() : "";
        var index = plan.TryGetProperty("Index Name", out var i) ? " using " + i.GetString() : "";
        nodes.Add(plan.GetProperty("Node Type").GetString() + relation + index);
        if (plan.TryGetProperty("Plans", out var children))
        {
            foreach (var child in children.EnumerateArray())
            {
                Describe(child, nodes);
            }
        }
    }
}
