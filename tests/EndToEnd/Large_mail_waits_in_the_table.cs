using EmailService.Accept;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>Memory for content is bounded in octets, not only in recipients: what is claimed from the table counts too.</summary>
public sealed class Large_mail_waits_in_the_table
{
    private const int Messages = 20;
    private static readonly string body = new('a', 60_000);

    [Fact]
    public async Task What_has_no_room_is_left_there_and_all_is_delivered()
    {
        await using var service = await StartAsync();
        await using var mx = service.AddMx("shop.test");
        mx.HoldFinalReplies();
        for (var i = 0; i < Messages; i++)
        {
            await AcceptAsync(service, [$"a{i}@shop.test"]);
        }

        await WaitUntilLeasedAsync(service, mx, count => count is 1 or 2);

        // What had no room is due again a little later, as often as it takes.
        mx.ReleaseFinalReplies();
        await service.MoveByDueTimesAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(Messages, await service.ScalarAsync<long>("SELECT count(*) FROM settled WHERE state = 'delivered'"));
        Assert.Equal(Messages, mx.Messages.Count);
        await Wait.UntilAsync(() => service.Get<Hand>().RoomForOctets(MailStream.Transactional) == 100_000, "all of the room is free again");
    }

    [Fact]
    public async Task Personalizations_of_one_request_share_its_content_and_count_it_once()
    {
        await using var service = await StartAsync("Outbox:ReadyOctets=150000");
        await using var mx = service.AddMx("shop.test");
        mx.HoldFinalReplies();
        await AcceptAsync(service, [.. Enumerable.Range(0, Messages).Select(i => $"a{i}@shop.test")]);

        await WaitUntilLeasedAsync(service, mx, count => count == Messages);

        mx.ReleaseFinalReplies();
        await Wait.UntilAsync(async () => await service.ScalarAsync<long>("SELECT count(*) FROM settled WHERE state = 'delivered'") == Messages, "all are delivered");
    }

    [Fact]
    public async Task What_waits_for_hosts_that_do_not_answer_leaves_half_of_the_room_to_mail_that_moves()
    {
        await using var service = await StartAsync("Outbox:ReadyOctets=600000");
        await using var silent = service.AddMx("silent.test");
        await using var good = service.AddMx("good.test");
        silent.Hang(SmtpStage.Greeting);
        await AcceptAsync(service, ["first@good.test"]);
        await service.MoveByDueTimesAsync(TimeSpan.FromMinutes(2));
        Assert.Single(good.Messages);

        for (var i = 0; i < Messages; i++)
        {
            await AcceptAsync(service, [$"a{i}@silent.test"]);
        }

        service.Time!.Advance(TimeSpan.FromMinutes(1));
        await UntilAsync(() => service.Get<Hand>().Octets.Claimed >= 300_000, "mail for the silent host has its half");
        await AcceptAsync(service, ["second@good.test"]);
        service.Time.Advance(TimeSpan.FromMinutes(1));

        await UntilAsync(() => good.Messages.Count == 2, "mail for the host that answers goes on");

        // In small steps, so that the silent host has not had its time.
        Task UntilAsync(Func<bool> condition, string what) => Wait.UntilAsync(
            () =>
            {
                service.Time.Advance(TimeSpan.FromMilliseconds(50));
                return condition();
            },
            what);
    }

    [Fact]
    public async Task What_has_room_of_another_account_is_read_though_one_with_more_than_its_share_has_mail_there_too()
    {
        await using var service = await TestService.StartAsync(settings: ["Outbox:ReadyOctets=1200000", "Deliver:ConnectionsPerLane=1", "Outbox:PollInterval=00:00:00.05"]);
        await using var mx = service.AddMx("shop.test");
        await service.WaitForEventAsync(await service.AcceptAsync("first@shop.test"), "delivered");
        mx.HoldFinalReplies();
        var other = await AddAccountAsync(service);
        await ComeDueAsync(["b0@shop.test"], other, "small");
        await Wait.UntilAsync(async () => await LeasedAsync(service, other) == 1, "the other account has something in the lane");

        // As much as leaves the others an eighth: the last piece may go beyond.
        await ComeDueAsync([.. Enumerable.Range(0, Messages).Select(i => $"a{i}@shop.test")], 1, body);
        await Wait.UntilAsync(
            async () => service.Get<Hand>().RoomForOctets(MailStream.Transactional, 1) <= 0 && await LeasedAsync(service, 1) == 9, "one account has more than its share");
        await ComeDueAsync([.. Enumerable.Range(1, 5).Select(i => $"b{i}@shop.test")], other, "small");

        // One is under way; 9 of the one account wait, and 5 of the other.
        await Wait.UntilAsync(() => service.Get<LaneDirectory>().All().Sum(l => l.WaitingOf(MailStream.Transactional)) == 14, "what the other account has there is in memory");
        Assert.Equal((9, 6), (await LeasedAsync(service, 1), await LeasedAsync(service, other)));

        async Task ComeDueAsync(string[] to, int account, string text)
        {
            foreach (var one in to)
            {
                await AcceptAsync(service, [one], account, text);
            }

            // Together with what went back for want of room, so that one claim brings both.
            await service.ScalarAsync<long>("WITH due AS (UPDATE outbox SET due_at = now() WHERE state = 'queued' RETURNING n) SELECT count(*) FROM due");
        }
    }

    private static Task<int> AddAccountAsync(TestService service) => service.ScalarAsync<int>("""
        WITH account AS (INSERT INTO accounts (name) VALUES ('other') RETURNING id),
             domain AS (INSERT INTO domains (account_id, name, state, dkim_selector, dkim_private_key, return_path, verified_at)
                        SELECT account.id, d.name, d.state, d.dkim_selector, d.dkim_private_key, d.return_path, d.verified_at FROM domains AS d, account)
        SELECT id FROM account
        """);

    private static Task<long> LeasedAsync(TestService service, int account) =>
        service.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE state = 'leased' AND account_id = {account}");

    private static Task<TestService> StartAsync(string settings = "Outbox:ReadyOctets=100000") =>
        TestService.StartAsync(manualTime: true, settings: [settings, "Deliver:ConnectionsPerLane=1", "Outbox:PollInterval=00:00:00.05"]);

    private static async Task AcceptAsync(TestService service, string[] to, int account = 1, string? text = null)
    {
        // Nothing is handed over: a minute ahead is not due now, and then all is claimed together.
        var one = TestService.Request(to[0], sendAt: service.Get<TimeProvider>().GetUtcNow() + TimeSpan.FromMinutes(1));
        var request = one with
        {
            Content = one.Content with { Bodies = [new MessageBody("text/plain", text ?? body)] },
            Messages = [.. to.Select(t => one.Messages[0] with
            {
                Personalization = new Personalization { To = [new MailAddress(t)] },
            })],
            Size = text is null ? body.Length : sizeof(char) * text.Length,
        };
        Assert.IsType<AcceptResult.Accepted>(await service.Get<AcceptWorker>().AcceptAsync(account, request, null, CancellationToken.None));
    }

    private static async Task WaitUntilLeasedAsync(TestService service, ScriptedMx mx, Func<long, bool> isRight)
    {
        service.Time!.Advance(TimeSpan.FromMinutes(1));
        await Wait.UntilAsync(
            async () =>
            {
                await service.WakePollAsync();
                return mx.Commands.Count > 0;
            },
            "one is under way");
        await Wait.UntilAsync(
            async () => isRight(await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'leased'")), "as many as have room are leased");
    }
}
