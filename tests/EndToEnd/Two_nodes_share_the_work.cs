using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Two_nodes_share_the_work
{
    [Fact]
    public async Task Both_deliver_and_nothing_is_delivered_twice()
    {
        const int messages = 150;
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await TestService.StartAsync(database: database, dns: dns,
            settings: ["HostName=one.test", "Outbox:ReadyRecipients=20", "Outbox:PollInterval=00:00:00.02"]);
        await using var two = await TestService.StartAsync(database: database, dns: dns, mxPort: one.MxPort,
            settings: ["HostName=two.test", "Outbox:ReadyRecipients=20", "Outbox:PollInterval=00:00:00.02"]);
        await using var mx = one.AddMx("shop.test");

        // All at the first node, which has room for few and leaves the others in the table.
        await Task.WhenAll(Enumerable.Range(0, messages).Select(i => one.AcceptAsync($"a{i}@shop.test")));
        await Wait.UntilAsync(
            async () => await one.ScalarAsync<long>("SELECT count(*) FROM settled WHERE state = 'delivered'") == messages, "all are delivered");

        Assert.Equal(messages, mx.Messages.Count);
        Assert.Equal(messages, mx.Messages.SelectMany(m => m.ForwardPaths).Distinct().Count());
        Assert.Equal(["one.test", "two.test"], mx.Messages.Select(m => m.HelloName).Distinct().Order());
        Assert.Equal(messages, await one.ScalarAsync<long>("SELECT count(*) FROM events WHERE kind = 'delivered'"));
    }
}
