using EmailService.Deliver;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Rate_is_low : IDisposable
{
    private readonly string shaping = Path.GetTempFileName();

    public void Dispose() => File.Delete(shaping);

    [Fact]
    public async Task Mail_above_the_rate_waits_mostly_in_the_table_and_is_not_deferred()
    {
        // Three a minute: 30 leave the lane within its reach of ten minutes.
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "domains": { "slow.test": { "messages_per_second": 0.05 } } }""");
        await using var service = await TestService.StartAsync(manualTime: true, settings: $"Deliver:ShapingFile={shaping}");
        await using var mx = service.AddMx("slow.test");
        var time = service.Time!;

        var id = await service.AcceptAsync(string.Join(',', Enumerable.Range(0, 100).Select(i => $"a{i}@slow.test")));
        await mx.WaitForMessagesAsync(1);
        var lane = Assert.Single(service.Get<LaneDirectory>().All());
        await Wait.UntilAsync(
            async () => await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts = 0") >= 60, "the rest waits in the table");

        Assert.Equal("domain:slow.test", lane.Key);
        Assert.InRange(lane.Waiting, 1, 30);
        Assert.Single(mx.Messages);

        // A turn comes, and the connection was not kept open for it.
        time.Advance(TimeSpan.FromSeconds(20));
        await mx.WaitForMessagesAsync(2);
        await Wait.UntilAsync(() => mx.Commands.Contains("QUIT"), "the first connection was ended");
        Assert.DoesNotContain("deferred", await service.EventsAsync(id));
    }
}
