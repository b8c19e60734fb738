using EmailService.Accept;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>One account has ten thousand recipients at a host that takes its time, and another has one there. Counted is how many of the first account are
/// taken by the host between the moment when the other's is accepted, or due, and its own.</summary>
public sealed class Account_sends_much_to_one_host(ITestOutputHelper output) : IDisposable
{
    private const int Many = 10_000;
    private const int Connections = 4;
    private const int First = 1;
    private const int Other = 2;
    private const string Late = "late@shop.test";
    private static readonly string[] Settings = [$"Deliver:ConnectionsPerLane={Connections}", "Outbox:ReadyRecipients=640", "Outbox:PollInterval=00:00:00.05"];
    private readonly string shaping = Path.GetTempFileName();

    public void Dispose() => File.Delete(shaping);

    [Theory]
    [InlineData(MailStream.Transactional)]
    [InlineData(MailStream.Bulk)]
    public async Task What_another_account_sends_is_among_the_next(MailStream stream)
    {
        await using var service = await TestService.StartAsync(settings: Settings);
        await using var mx = service.AddMx("shop.test");
        await AddAccountAsync(service);
        await service.WaitForEventAsync(await service.AcceptAsync("first@shop.test"), "delivered");
        mx.HoldFinalReplies();
        for (var i = 0; i < Many / 1000; i++)
        {
            await AcceptAsync(service, First, string.Join(',', Enumerable.Range(0, 1000).Select(n => $"a{i}x{n}@shop.test")), stream);
        }

        await Wait.UntilAsync(() => Lane(service) is { Workers: Connections } lane && lane.WaitingOf(stream) > 200, "the first account fills the lane");

        await AcceptAsync(service, Other, Late, stream);
        await Wait.UntilAsync(() => HasOther(service, stream), "it is handed over though the lane is full");

        await AssertNextAsync(mx, Connections, service);
    }

    [Theory]
    [InlineData(MailStream.Transactional)]
    [InlineData(MailStream.Bulk)]
    public async Task What_another_account_has_in_the_table_is_among_the_next_though_the_memory_is_full(MailStream stream)
    {
        await using var service = await TestService.StartAsync(settings: Settings);
        await using var mx = service.AddMx("shop.test");
        var (many, one) = await DeliverFirstAsync(service);
        mx.HoldFinalReplies();
        await QueueAsync(service, many, Many, "a", "shop.test", stream);
        await Wait.UntilAsync(() => Lane(service) is { Workers: Connections } lane && lane.WaitingOf(stream) > 200, "the first account fills the lane");

        await QueueAsync(service, one, 1, "late", "shop.test", stream);
        await Wait.UntilAsync(() => HasOther(service, stream), "it is claimed though the lane is full and moves nothing");

        await AssertNextAsync(mx, Connections, service);
    }

    [Theory]
    [InlineData(MailStream.Transactional)]
    [InlineData(MailStream.Bulk)]
    public async Task Of_what_was_deferred_and_comes_due_together_both_accounts_have_their_turns(MailStream stream)
    {
        await using var service = await TestService.StartAsync(settings: Settings);
        await using var mx = service.AddMx("shop.test");
        var (many, one) = await DeliverFirstAsync(service);
        var site = Lane(service)!.Site;
        mx.HoldFinalReplies();
        await QueueAsync(service, many, Many, "a", site, stream, attempts: 1);
        await QueueAsync(service, one, 1, "late", site, stream, attempts: 1);
        await Wait.UntilAsync(() => HasOther(service, stream) && Lane(service)!.Workers == Connections, "it is claimed behind a full lane");

        await AssertNextAsync(mx, Connections, service);
    }

    [Fact]
    public async Task So_it_is_where_the_lane_has_a_rate_and_holds_what_leaves_it_in_ten_minutes()
    {
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "domains": { "shop.test": { "messages_per_second": 0.2 } } }""");
        await using var service = await TestService.StartAsync(manualTime: true, settings: [.. Settings, $"Deliver:ShapingFile={shaping}"]);
        await using var mx = service.AddMx("shop.test");
        var (many, one) = await DeliverFirstAsync(service);
        await QueueAsync(service, many, Many, "a", "shop.test", MailStream.Transactional);
        await MoveUntilAsync(service, TimeSpan.FromSeconds(1), () => Lane(service)?.WaitingOf(MailStream.Transactional) >= 110, "the first account fills the lane");
        await QueueAsync(service, one, 1, "late", "shop.test", MailStream.Transactional);

        // A message leaves in five seconds; until half of the lane is empty again would take minutes.
        await MoveUntilAsync(service, TimeSpan.FromSeconds(0.1), () => HasOther(service, MailStream.Transactional), "it is claimed though the lane is full");
        var before = mx.Messages.Count;
        await MoveUntilAsync(service, TimeSpan.FromSeconds(1), () => Place(mx) >= 0, "it goes");

        AssertPlace(Place(mx) - before, 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task So_it_is_where_the_first_accounts_content_fills_the_memory(bool isInTable)
    {
        const int octets = 200_000;
        await using var service = await TestService.StartAsync(
            settings: [$"Deliver:ConnectionsPerLane={Connections}", $"Outbox:ReadyOctets={octets}", "Outbox:PollInterval=00:00:00.05"]);
        await using var mx = service.AddMx("shop.test");
        var (_, one) = await DeliverFirstAsync(service);
        mx.HoldFinalReplies();
        for (var i = 0; i < 60; i++)
        {
            await AcceptAsync(service, First, $"a{i}@shop.test", MailStream.Transactional, textLength: 5000);
        }

        await Wait.UntilAsync(
            () => service.Get<Hand>().RoomForOctets(MailStream.Transactional) < octets / 8 && Lane(service) is { Workers: Connections }, "the first account has the memory");
        Assert.InRange(await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'queued'"), 10, 60);

        await (isInTable ? QueueAsync(service, one, 1, "late", "shop.test", MailStream.Transactional)
            : AcceptAsync(service, Other, Late, MailStream.Transactional, textLength: 5000));
        await Wait.UntilAsync(() => HasOther(service, MailStream.Transactional), "the other's comes into memory");
        var before = mx.Messages.Count;
        mx.ReleaseFinalReplies();
        await Wait.UntilAsync(() => Place(mx) >= 0, "it is taken by the host");

        AssertPlace(Place(mx) - before, Connections);
    }

    [Fact]
    public async Task Two_nodes_that_are_both_full_of_one_accounts_mail_take_the_others()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var one = await TestService.StartAsync(database: database, dns: dns, settings: [.. Settings, "HostName=one.test"]);
        await using var two = await TestService.StartAsync(database: database, dns: dns, mxPort: one.MxPort, settings: [.. Settings, "HostName=two.test"]);
        await using var mx = one.AddMx("shop.test");
        var (many, late) = await DeliverFirstAsync(one);
        mx.HoldFinalReplies();
        await QueueAsync(one, many, Many, "a", "shop.test", MailStream.Transactional);
        TestService[] nodes = [one, two];
        await Wait.UntilAsync(() => nodes.All(n => Lane(n) is { } lane && lane.WaitingOf(MailStream.Transactional) > 200), "both lanes are full");

        await QueueAsync(one, late, 1, "late", "shop.test", MailStream.Transactional);
        await Wait.UntilAsync(() => nodes.Any(n => HasOther(n, MailStream.Transactional)), "one of them claims it");

        await AssertNextAsync(mx, Connections, nodes);
    }

    /// <summary>A mail of each account, delivered: their messages, and the lane.</summary>
    private static async Task<(MessageId Many, MessageId One)> DeliverFirstAsync(TestService service)
    {
        await AddAccountAsync(service);
        var many = await AcceptAsync(service, First, "first@shop.test", MailStream.Transactional);
        var one = await AcceptAsync(service, Other, "second@shop.test", MailStream.Transactional);
        await Wait.UntilAsync(
            async () =>
            {
                service.Time?.Advance(TimeSpan.FromSeconds(1));
                return await service.ScalarAsync<long>("SELECT count(*) FROM settled WHERE state = 'delivered'") == 2;
            },
            "the first of each is delivered");
        return (many, one);
    }

    private static async Task AddAccountAsync(TestService service) => Assert.Equal(Other, await service.ScalarAsync<int>("""
        WITH account AS (INSERT INTO accounts (name) VALUES ('other') RETURNING id),
             domain AS (INSERT INTO domains (account_id, name, state, dkim_selector, dkim_private_key, return_path, verified_at)
                        SELECT account.id, d.name, d.state, d.dkim_selector, d.dkim_private_key, d.return_path, d.verified_at FROM domains AS d, account)
        SELECT id FROM account
        """));

    private static async Task<MessageId> AcceptAsync(TestService service, int account, string to, MailStream stream, int textLength = 10)
    {
        var request = TestService.Request(to);
        request = request with { Stream = stream, Size = 500 + (sizeof(char) * textLength), Content = request.Content with { Bodies = [new MessageBody("text/plain", new string('a', textLength))] } };
        return ((AcceptResult.Accepted)await service.Get<AcceptWorker>().AcceptAsync(account, request, null, CancellationToken.None)).RequestId;
    }

    /// <summary>Puts more recipients of a message into the table, due now.</summary>
    private static async Task QueueAsync(TestService service, MessageId message, int count, string name, string lane, MailStream stream, int attempts = 0)
    {
        await using var command = service.Db.CreateCommand($"""
            INSERT INTO outbox (message_id, n, account_id, address, lane, priority, state, due_at, expires_at, attempts, processed)
            SELECT m.id, n, m.account_id, CASE WHEN {count} = 1 THEN '{name}@shop.test' ELSE '{name}' || n || '@shop.test' END,
                   '{lane}', {(int)stream}, 'queued', '{service.Get<TimeProvider>().GetUtcNow():O}', m.created_at + interval '72 hours', {attempts}, {attempts > 0}
              FROM messages AS m CROSS JOIN generate_series(1, {count}) AS n
             WHERE m.id = '{message.Value}'
            """);
        Assert.Equal(count, await command.ExecuteNonQueryAsync());
    }

    private static async Task MoveUntilAsync(TestService service, TimeSpan step, Func<bool> condition, string what) => await Wait.UntilAsync(
        async () =>
        {
            if (condition())
            {
                return true;
            }

            service.Time!.Advance(step);
            await Task.Yield();
            return false;
        },
        what);

    /// <summary>Null while it has no work.</summary>
    private static Lane? Lane(TestService service) => service.Get<LaneDirectory>().All().SingleOrDefault();

    /// <summary>What the other account sent waits in the lane's memory.</summary>
    private static bool HasOther(TestService service, MailStream stream) => Lane(service)?.HasOf(stream, Other) == true;

    private static int Place(ScriptedMx mx) => mx.Messages.ToList().FindIndex(m => m.ForwardPaths.Contains(Late));

    /// <summary>Lets the host go on, and counts those that the same node carried there before.</summary>
    private async Task AssertNextAsync(ScriptedMx mx, int connections, params TestService[] nodes)
    {
        var before = mx.Messages.Count;
        mx.ReleaseFinalReplies();
        await Wait.UntilAsync(() => Place(mx) >= 0, "the other account's mail is taken by the host");
        var all = mx.Messages.ToList();
        var place = Place(mx);
        AssertPlace(all.Take(place).Skip(before).Count(m => m.HelloName == all[place].HelloName), connections);
        Assert.InRange(await nodes[0].ScalarAsync<long>("SELECT count(*) FROM outbox"), Many / 2, Many + 1);
    }

    /// <summary>Before it come those that were picked when all connections fell free at once, one for each connection in turn, and what the other connections
    /// carry while its own, on a busy machine, has not come to the end: a few for each, of ten thousand.</summary>
    private void AssertPlace(int place, int connections)
    {
        output.WriteLine($"{place} of the other account came before it");
        Assert.InRange(place, 0, 5 * connections);
    }
}
