using EmailService.Outbox;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A node that could not reach the database for a while, or was paused, comes back with recipients in memory that
/// others have taken meanwhile.</summary>
public sealed class Node_was_silent
{
    [Fact]
    public async Task What_others_took_meanwhile_is_not_delivered_by_it()
    {
        await using var service = await TestService.StartAsync(settings:
            ["LeaseTimeToLive=00:00:01.5", "HeartbeatInterval=00:00:00.3", "Deliver:ConnectionsPerLane=1"]);
        await using var mx = service.AddMx("shop.test");
        mx.HoldFinalReplies();
        var first = await service.AcceptAsync("a@shop.test");
        await Wait.UntilAsync(() => mx.Commands.Any(c => c.Contains("a@shop.test", StringComparison.Ordinal)), "the first is under way");
        var taken = await service.AcceptAsync("b@shop.test");
        var kept = await service.AcceptAsync("c@shop.test");

        // Its heartbeat waits for a lock for longer than it may be silent; another node takes one of the two that wait.
        var node = service.Get<NodeRegistry>();
        await using (var connection = await service.Db.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await using var hold = connection.CreateCommand();
            hold.CommandText = $"SELECT id FROM nodes WHERE id = {node.NodeId} FOR UPDATE";
            await hold.ExecuteScalarAsync();
            await Wait.UntilAsync(() => !node.IsAlive, "the node gives up");
            var other = await service.ScalarAsync<long>(
                "INSERT INTO nodes (host, process_id, roles, heartbeat_at) VALUES ('other', 1, '{deliver}', now() + interval '1 hour') RETURNING id");
            await service.ScalarAsync<int>(
                $"UPDATE outbox SET attempts = 2, node_id = {other} WHERE message_id = '{taken.Value}' RETURNING attempts");
        }

        await Wait.UntilAsync(() => node.IsAlive, "the node is back");
        mx.ReleaseFinalReplies();
        await service.WaitForEventAsync(first, "delivered");
        await service.WaitForEventAsync(kept, "delivered");
        await Wait.UntilAsync(() => service.Get<Hand>().Count == 0, "nothing is in hand");

        Assert.Equal(["a@shop.test", "c@shop.test"], mx.Messages.SelectMany(m => m.ForwardPaths).Order());
        Assert.Equal(["accepted"], await service.EventsAsync(taken));
    }
}
