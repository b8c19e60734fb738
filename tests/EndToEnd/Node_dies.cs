using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

public sealed class Node_dies
{
    [Fact]
    public async Task What_it_held_is_taken_up_by_another_when_its_heartbeats_have_ended()
    {
        await using var service = await TestService.StartAsync(settings:
            ["LeaseTimeToLive=00:00:01.5", "HeartbeatInterval=00:00:00.3", "Outbox:PollInterval=00:00:00.05"]);
        await using var mx = service.AddMx("shop.test");
        var id = await AcceptForAsync(service, nodeId: 999_999);

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));

        // The dead node's attempt stays counted: it may have been made.
        Assert.Equal(2, await service.ScalarAsync<int>("SELECT attempts FROM settled"));
    }

    [Fact]
    public async Task What_a_living_node_holds_is_left_alone()
    {
        // So long that no heartbeat of the other node gets too old, and no sweep but the test's own takes what it held.
        await using var service = await TestService.StartAsync(settings: "LeaseTimeToLive=00:10:00");
        var living = await service.ScalarAsync<long>("INSERT INTO nodes (host, process_id, roles) VALUES ('other', 1, '{deliver}') RETURNING id");
        await AcceptForAsync(service, living);

        Assert.Equal(0, await service.Get<LeaseSweeper>().ReclaimAbandonedAsync(CancellationToken.None));

        await service.ScalarAsync<long>($"UPDATE nodes SET stopped_at = now() WHERE id = {living} RETURNING id");
        Assert.Equal(1, await service.Get<LeaseSweeper>().ReclaimAbandonedAsync(CancellationToken.None));
    }

    [Fact]
    public async Task What_the_table_calls_ours_and_we_do_not_hold_is_given_back()
    {
        await using var service = await TestService.StartAsync(settings: "Outbox:PollInterval=00:00:00.05");
        await using var mx = service.AddMx("shop.test");

        // As after a commit whose answer never came.
        var id = await AcceptForAsync(service, service.Get<NodeRegistry>().NodeId);

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
    }

    [Fact]
    public async Task A_recipient_that_was_held_at_many_deaths_waits_before_it_is_tried_again()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        var id = await AcceptForAsync(service, nodeId: 999_999, attempts: 8);

        await service.Get<LeaseSweeper>().ReclaimAbandonedAsync(CancellationToken.None);

        Assert.Equal(4, (await service.DueAtAsync(id) - service.Time!.GetUtcNow()).TotalMinutes, 0.001);
    }

    private static async Task<MessageId> AcceptForAsync(TestService service, long nodeId, int attempts = 1)
    {
        var id = await service.AcceptAsync("anna@shop.test", sendAt: service.Get<TimeProvider>().GetUtcNow() + TimeSpan.FromDays(1));
        await service.ScalarAsync<int>($"""
            UPDATE outbox SET state = 'leased', node_id = {nodeId}, attempts = {attempts}, leased_until = now() + interval '1 hour' RETURNING attempts
            """);
        return id;
    }
}
