using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A password reset is submitted while 200,000 bulk messages wait in the same lane.</summary>
public sealed class Reset_comes_behind_bulk(ITestOutputHelper output) : IDisposable
{
    private const int Bulk = 200_000;
    private const int Requests = 10;
    private readonly string shaping = Path.GetTempFileName();

    public void Dispose() => File.Delete(shaping);

    [Fact]
    public async Task It_is_among_the_first_to_be_tried_when_connections_fall_free()
    {
        const int connections = 4;
        await using var service = await TestService.StartAsync(settings: $"Deliver:ConnectionsPerLane={connections}");
        await using var mx = service.AddMx("shop.test");
        await SubmitBulkAsync(service, mx);
        mx.HoldFinalReplies();
        await Wait.UntilAsync(() => Lane(service) is { Workers: connections } lane && lane.WaitingOf(MailStream.Bulk) > 1000, "bulk fills the lane");
        await Wait.UntilAsync(() => InHands(service) == connections, "each connection is taken");

        var id = await service.AcceptAsync("reset@shop.test");
        await Wait.UntilAsync(() => Lane(service)?.WaitingOf(MailStream.Transactional) == 1, "the reset came by the hand, though bulk fills its part");
        var before = mx.Messages.Count;
        var released = TimeProvider.System.GetTimestamp();
        mx.ReleaseFinalReplies();
        await service.WaitForEventAsync(id, "delivered");

        AssertNext(mx, before, connections, released);
        await AssertBulkWaitsAsync(service);
    }

    [Fact]
    public async Task It_is_the_next_to_be_tried_where_the_lane_has_a_rate()
    {
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "domains": { "shop.test": { "messages_per_second": 1 } } }""");
        await using var service = await TestService.StartAsync(manualTime: true, settings: $"Deliver:ShapingFile={shaping}");
        await using var mx = service.AddMx("shop.test");
        await SubmitBulkAsync(service, mx);
        await Wait.UntilAsync(
            async () =>
            {
                service.Time!.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
                return Lane(service)?.WaitingOf(MailStream.Bulk) >= 300;
            },
            "the lane holds what leaves it within its reach");
        await Wait.UntilAsync(() => InHands(service) == 0, "all whose turn has come were carried");

        var id = await service.AcceptAsync("reset@shop.test");
        await Wait.UntilAsync(() => Lane(service)?.WaitingOf(MailStream.Transactional) == 1, "a lane that is full of bulk takes it in");
        var before = mx.Messages.Count;
        var turn = TimeProvider.System.GetTimestamp();
        service.Time!.Advance(TimeSpan.FromSeconds(1));
        await service.WaitForEventAsync(id, "delivered");

        AssertNext(mx, before, 1, turn);
        await AssertBulkWaitsAsync(service);
    }

    /// <summary>Real messages, of which the table holds recipients enough.</summary>
    private static async Task SubmitBulkAsync(TestService service, ScriptedMx mx)
    {
        for (var i = 0; i < Requests; i++)
        {
            await service.AcceptAsync($"first{i}@shop.test", stream: MailStream.Bulk);
        }

        await Wait.UntilAsync(
            async () =>
            {
                service.Time?.Advance(TimeSpan.FromSeconds(1));
                return await service.ScalarAsync<long>("SELECT count(*) FROM settled") == Requests;
            },
            "the first of each is delivered");
        Assert.Equal(Requests, mx.Messages.Count);
        await using var command = service.Db.CreateCommand($"""
            INSERT INTO outbox (message_id, n, account_id, address, lane, priority, state, due_at, expires_at)
            SELECT m.id, n, m.account_id, 'bulk' || n || '@shop.test', 'shop.test', 1, 'queued', m.created_at, m.created_at + interval '72 hours'
              FROM messages AS m CROSS JOIN generate_series(1, {Bulk / Requests}) AS n
            """);
        Assert.Equal(Bulk, await command.ExecuteNonQueryAsync());
    }

    /// <summary>Null while it has no work.</summary>
    private static Lane? Lane(TestService service) => service.Get<LaneDirectory>().All().SingleOrDefault();

    /// <summary>Recipients that workers carry now.</summary>
    private static int InHands(TestService service) => service.Get<Hand>().Count - (Lane(service)?.Waiting ?? 0);

    /// <summary>Before it come at most those under way, and those that were picked with it when all connections fell free at once.</summary>
    private void AssertNext(ScriptedMx mx, int before, int connections, long free)
    {
        var place = mx.Messages.ToList().FindIndex(m => m.ForwardPaths.Contains("reset@shop.test"));
        output.WriteLine($"{before} came before it was accepted; it is number {place - before + 1} after that, "
            + $"{TimeProvider.System.GetElapsedTime(free, mx.Messages[place].ReceivedAt).TotalMilliseconds:0} ms after its slot fell free");
        Assert.InRange(place - before, 0, (2 * connections) - 1);
    }

    private static async Task AssertBulkWaitsAsync(TestService service) =>
        Assert.InRange(await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE priority = 1"), Bulk - 10_000, Bulk);
}
