using EmailService.Notify;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.Tests.Notify;

/// <summary>The two queries that run all the time look at what is new, not at what is there.</summary>
public sealed class WebhookQueryPlanTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Looking_and_reading_walk_the_logs_order_and_find_messages_by_their_key()
    {
        await using var world = await NotifyWorld.CreateAsync();
        await world.AddWebhookAsync();
        // Three days of history and the day before, in partitions of their own.
        await world.ScalarAsync("SELECT ensure_daily_partitions('2030-01-02Z', 3)");
        await world.ScalarAsync("""
            WITH m AS (
                INSERT INTO messages (id, account_id, created_at, from_address, subject, recipient_count, size, personalization)
                SELECT (left(message_id_floor('2030-01-02Z'::timestamptz + make_interval(secs => i * 10))::text, 24) || lpad(to_hex(i), 12, '0'))::uuid,
                       1, now(), 'a@example.com', '', 1, 1, ''
                  FROM generate_series(1, 20000) AS i
                RETURNING id)
            INSERT INTO events (message_id, n, account_id, kind, at, address)
            SELECT id, 0, 1, 'delivered', now(), 'r@example.net' FROM m
            """);
        await world.ScalarAsync("ANALYZE events, messages, webhooks");
        var last = (ulong)(await world.ScalarAsync("SELECT max(xact) FROM events"))!;
        var lastId = (long)(await world.ScalarAsync("SELECT max(id) FROM events"))!;

        var read = new NpgsqlBatchCommand("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + WebhookQueue.ReadSql);
        read.Parameters.Add(new() { Value = last, NpgsqlDbType = NpgsqlDbType.Xid8 });
        read.Parameters.Add(new() { Value = lastId - 100 });
        read.Parameters.Add(new() { Value = 1 });
        read.Parameters.Add(new() { Value = new[] { "delivered" } });
        read.Parameters.Add(new() { Value = 5000 });
        read.Parameters.Add(new() { Value = 1000 });
        var readPlan = await PlanAsync(world, read);
        Assert.DoesNotContain("Seq Scan on events", readPlan, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on messages", readPlan, StringComparison.Ordinal);
        Assert.Contains("Merge Append", readPlan, StringComparison.Ordinal);
        Assert.DoesNotContain("JIT", readPlan, StringComparison.Ordinal);

        var claim = new NpgsqlBatchCommand("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + WebhookQueue.ClaimSql);
        claim.Parameters.Add(new() { Value = 1L });
        claim.Parameters.Add(new() { Value = DateTime.UnixEpoch });
        claim.Parameters.Add(new() { Value = DateTime.UnixEpoch });
        claim.Parameters.Add(new() { Value = false });
        claim.Parameters.Add(new() { Value = 32 });
        var claimPlan = await PlanAsync(world, claim);
        Assert.DoesNotContain("Seq Scan on events", claimPlan, StringComparison.Ordinal);
        Assert.Contains("Index Only Scan Backward using events", claimPlan, StringComparison.Ordinal);
    }

    private async Task<string> PlanAsync(NotifyWorld world, NpgsqlBatchCommand command)
    {
        await using var batch = world.Database.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(WebhookQueue.WalkSql));
        batch.BatchCommands.Add(command);
        await using var row = await batch.ExecuteReaderAsync();
        await row.NextResultAsync();
        var lines = new List<string>();
        while (await row.ReadAsync())
        {
            lines.Add(row.GetString(0));
        }

        var plan = string.Join('\n', lines);
        output.WriteLine(plan);
        return plan;
    }
}
