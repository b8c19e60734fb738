using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A provider that allows little, at busy.test, and the nodes that send there.</summary>
internal static class BusyProvider
{
    /// <summary>Five sessions, each message in 5 ms.</summary>
    public static ScriptedMx Busy(ScriptedMx mx)
    {
        mx.MostSessions = 5;
        mx.FinalReplyDelay = () => TimeSpan.FromMilliseconds(5);
        return mx;
    }

    public static Task<TestService> NodeAsync(TestDatabase database, LoopbackDns dns, int? mxPort = null, params string[] settings) => TestService.StartAsync(
        database: database, dns: dns, mxPort: mxPort, settings:
        [
            "HeartbeatInterval=00:00:00.1", "LeaseTimeToLive=00:01:00", "Deliver:FirstRest=00:00:01", "Outbox:PollInterval=00:00:00.05",
            .. settings,
        ]);

    /// <summary>Accepts so many on all nodes, and waits until each is delivered or deferred.</summary>
    public static async Task DeliverAsync(TestService[] nodes, int messages, TimeSpan? bound = null)
    {
        // Messages of ten recipients each.
        await Task.WhenAll(Enumerable.Range(0, messages / 10).Select(i =>
            nodes[i % nodes.Length].AcceptAsync(string.Join(',', Enumerable.Range(0, 10).Select(n => $"a{i}-{n}@busy.test")))));
        await Wait.UntilAsync(
            async () => await nodes[0].ScalarAsync<long>("""
                SELECT (SELECT count(*) FROM settled WHERE state = 'delivered')
                     + (SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts > 0)
                """) == messages,
            () => "each is delivered or deferred", bound, TimeSpan.FromMilliseconds(100));
    }
}
