using EmailService.Messages;
using EmailService.Notify;
using EmailService.TestKit;

namespace EmailService.Tests.Notify;

public sealed class WebhookDeliveryTests
{
    [Fact]
    public async Task Events_are_posted_in_the_order_of_the_log_and_signed()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var webhook = await world.AddWebhookAsync();
        var message = await world.AddMessageAsync(["receipts", "höchst 🧾"], """{"order":"42","email":"mine@example.com"}""");
        long[] ids =
        [
            await world.LogAsync(message, EventKind.Processed),
            await world.LogAsync(message, EventKind.Deferred, detail: """{"reply":"451 4.3.0 später"}"""),
            await world.LogAsync(message, EventKind.Delivered, attempt: 2),
        ];
        await world.ReadableAsync();

        Assert.Equal(1, await world.StepAsync());
        Assert.Equal(0, await world.StepAsync());

        var request = Assert.Single(world.Sink.Requests);
        Assert.Equal(ids, request.LogIds());
        Assert.Equal("application/json", request.Headers["Content-Type"]);
        Assert.True(WebhookSignature.Verify(
            webhook.PublicKey, request.Headers[WebhookSignature.TimestampHeader], request.Body, request.Headers[WebhookSignature.SignatureHeader]));
        Assert.Equal("42", request.Events()[0].GetProperty("order").GetString());
        Assert.Equal("r0@example.net", request.Events()[0].GetProperty("email").GetString());
        Assert.Equal(["delivered"], await world.OutcomesAsync(webhook));
    }

    [Fact]
    public async Task SendGrids_own_library_takes_every_batch_and_refuses_a_changed_one()
    {
        Assert.SkipUnless(SendGridReceiver.HasNode, "needs node and npm");
        await using var world = await NotifyWorld.CreateAsync(new NotifyOptions { BatchSize = 4 });
        var webhook = await world.AddWebhookAsync();
        var message = await world.AddMessageAsync(["receipts", "höchst 🧾"], """{"note":"a \"quoted\" <b>Ω</b>"}""");
        foreach (var kind in Enum.GetValues<EventKind>())
        {
            await world.LogAsync(message, kind, detail: """{"reply":"250 2.0.0 grüezi 🙂","tls":true}""");
        }

        await world.StepUntilAsync(() => world.Sink.Requests.Sum(request => request.Events().Count) == 7);
        var requests = world.Sink.Requests.ToList();
        requests.Add(requests[0] with { Body = [.. requests[0].Body, (byte)' '] });

        var verdicts = await SendGridReceiver.VerifyAsync(Convert.ToBase64String(webhook.PublicKey), requests);

        Assert.Equal([.. Enumerable.Repeat(true, requests.Count - 1), false], verdicts);
    }

    [Fact]
    public async Task A_webhook_that_answers_500_for_a_while_gets_every_event_later_in_order_under_the_same_ids()
    {
        await using var world = await NotifyWorld.CreateAsync(new NotifyOptions { BatchSize = 5 });
        var webhook = await world.AddWebhookAsync();
        world.Sink.Answer(500, 503, 302, 500);
        world.Sink.AnswerBody = "it is \0 broken";
        var message = await world.AddMessageAsync();
        var ids = new List<long>();
        for (var i = 0; i < 12; i++)
        {
            ids.Add(await world.LogAsync(message, EventKind.Deferred, attempt: i));
        }

        await world.ReadableAsync();
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(1, await world.StepAsync());
            Assert.Equal(0, await world.StepAsync());   // not before its pause is over
            world.Time.Advance(TimeSpan.FromMinutes(1.25));
        }

        await world.StepUntilAsync(() => world.Sink.Requests.Count == 7);

        Assert.All(world.Sink.Requests.Take(5), request => Assert.Equal(world.Sink.Requests[0].Ids(), request.Ids()));
        Assert.Equal(ids, world.Sink.Requests.Skip(4).SelectMany(request => request.LogIds()));
        Assert.Equal(["failed", "failed", "failed", "failed", "delivered", "delivered", "delivered"], await world.OutcomesAsync(webhook));
        Assert.Equal(0, (await world.Store.FindAsync(world.AccountId, webhook.Id, default))!.Failures);
        var log = await world.Store.DeliveriesAsync(webhook.Id, long.MaxValue, 10, default);
        Assert.Equal("Answered 500", log[^1].Error);
        Assert.Contains("redirects are not followed", log[^3].Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transaction_that_commits_late_is_not_passed_over()
    {
        await using var world = await NotifyWorld.CreateAsync();
        await world.AddWebhookAsync();
        var message = await world.AddMessageAsync();
        await using var early = await world.Database.OpenConnectionAsync();
        await using var transaction = await early.BeginTransactionAsync();
        var first = await world.LogAsync(message, EventKind.Processed, on: early);
        var second = await world.LogAsync(message, EventKind.Delivered);

        // The second is committed and has the higher id; sending it now would lose the first.
        Assert.Equal(0, await world.StepAsync());
        await transaction.CommitAsync();
        await world.StepUntilAsync(() => world.Sink.Requests.Sum(request => request.LogIds().Count) == 2);

        Assert.Equal([first, second], world.Sink.Requests.SelectMany(request => request.LogIds()));
    }

    [Fact]
    public async Task Two_nodes_never_post_for_one_webhook_at_once_and_never_out_of_order()
    {
        await using var world = await NotifyWorld.CreateAsync(new NotifyOptions { BatchSize = 3 });
        var webhook = await world.AddWebhookAsync();
        var message = await world.AddMessageAsync();
        const int Events = 120;

        var nodes = Enumerable.Range(1, 3).Select(node => Task.Run(() =>
            world.StepUntilAsync(() => world.Sink.Requests.Sum(request => request.Events().Count) >= Events, node)));
        var ids = new List<long>();
        for (var i = 0; i < Events; i++)
        {
            ids.Add(await world.LogAsync(message, EventKind.Deferred, attempt: i));
        }

        await Task.WhenAll(nodes);

        Assert.Equal(1, world.Sink.MostAtOnce);
        Assert.Equal(ids, world.Sink.Requests.SelectMany(request => request.LogIds()));
        Assert.Equal(world.Sink.Requests.Count, (await world.OutcomesAsync(webhook)).Count);
    }

    [Fact]
    public async Task A_node_that_dies_between_the_answer_and_the_commit_leaves_the_same_events_to_another()
    {
        await using var world = await NotifyWorld.CreateAsync();
        await world.AddWebhookAsync();
        var message = await world.AddMessageAsync();
        await world.LogAsync(message, EventKind.Processed);
        await world.LogAsync(message, EventKind.Delivered);
        await world.ReadableAsync();

        var claim = Assert.Single(await world.ClaimAsync(node: 1));
        var page = await world.Node(1).Queue.ReadAsync(claim, 10, default);
        await world.Node(1).Sender.PostAsync(claim.Url, claim.PrivateKey, EventBatch.Write(page.Events, int.MaxValue).Body);
        // Node 1 is gone. Its lease holds for a while.
        Assert.Equal(0, await world.StepAsync(node: 2));
        world.Time.Advance(world.Options.Lease);
        await world.LogAsync(message, EventKind.Deferred);
        await world.ReadableAsync();
        Assert.Equal(1, await world.StepAsync(node: 2));

        Assert.Equal(2, world.Sink.Requests.Count);
        Assert.Equal(world.Sink.Requests[0].Ids(), world.Sink.Requests[1].Ids().Take(2));
        Assert.Equal(3, world.Sink.Requests[1].Ids().Count);
    }

    [Fact]
    public async Task A_node_that_wakes_up_late_settles_nothing_over_its_successor()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var webhook = await world.AddDueWebhookAsync();
        var late = Assert.Single(await world.ClaimAsync(node: 1));
        world.Time.Advance(world.Options.Lease);
        var successor = Assert.Single(await world.ClaimAsync(node: 2));

        Assert.False(await world.Node(1).Queue.SettleAsync(late, new Settlement { Cursor = new LogPlace(ulong.MaxValue, 1), Failures = 9 }));
        Assert.True(await world.Node(2).Queue.SettleAsync(successor, new Settlement { Cursor = successor.Cursor, Failures = 0 }));
        Assert.Equal(0, (await world.Store.FindAsync(world.AccountId, webhook.Id, default))!.Failures);
    }

    [Fact]
    public async Task A_worker_whose_lease_is_nearly_over_posts_nothing()
    {
        await using var world = await NotifyWorld.CreateAsync();
        await world.AddDueWebhookAsync();
        var claim = Assert.Single(await world.ClaimAsync());
        world.Time.Advance(world.Options.Lease - world.Options.Timeout);

        await world.Node(1).Worker.SendNextAsync(claim, default);

        Assert.Equal(0, world.Sink.Arrived);
    }

    [Fact]
    public async Task Events_are_given_up_a_day_after_they_happened_and_the_younger_go_on()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var webhook = await world.AddWebhookAsync();
        var message = await world.AddMessageAsync();
        world.Sink.Status = 500;
        var old = await world.LogAsync(message, EventKind.Processed);
        world.Time.Advance(TimeSpan.FromHours(20));
        var young = await world.LogAsync(message, EventKind.Delivered);
        await world.ReadableAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, await world.StepAsync());
            world.Time.Advance(TimeSpan.FromMinutes(19));
        }

        world.Sink.Status = 204;
        Assert.Equal(1, await world.StepAsync());

        Assert.Equal([young], world.Sink.Requests[^1].LogIds());
        var log = await world.Store.DeliveriesAsync(webhook.Id, long.MaxValue, 100, default);
        var givenUp = Assert.Single(log, line => line.Outcome == "given_up");
        Assert.Equal((old, old, 1, 500), (givenUp.FirstEvent, givenUp.LastEvent, givenUp.EventCount, givenUp.StatusCode));
        Assert.Equal(2L, await world.ScalarAsync("SELECT count(*) FROM events"));
    }

    [Fact]
    public async Task Only_the_accounts_own_events_of_the_wanted_kinds_are_sent_and_the_cursor_passes_the_others()
    {
        await using var world = await NotifyWorld.CreateAsync(new NotifyOptions { BatchSize = 2 });
        await world.AddWebhookAsync(kinds: ["bounced"]);
        var other = await world.AddAccountAsync("second");
        var message = await world.AddMessageAsync();
        for (var i = 0; i < 30; i++)
        {
            await world.LogAsync(message, EventKind.Bounced, account: other);
            await world.LogAsync(message, EventKind.Delivered);
        }

        var wanted = await world.LogAsync(message, EventKind.Bounced);
        await world.LogAsync(message, EventKind.Delivered);
        await world.ReadableAsync();
        await world.StepUntilAsync(() => world.Sink.Requests.Count == 1);
        while (await world.StepAsync() > 0)
        {
        }

        Assert.Equal([wanted], Assert.Single(world.Sink.Requests).LogIds());
        Assert.Equal(true, await world.ScalarAsync("SELECT (cursor_xact, cursor_id) = (SELECT max(xact), max(id) FROM events) FROM webhooks"));
    }

    [Fact]
    public async Task A_new_webhook_starts_at_the_present_end_of_the_log()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var message = await world.AddMessageAsync();
        await world.LogAsync(message, EventKind.Processed);
        await world.ReadableAsync();
        await world.AddWebhookAsync();
        var after = await world.LogAsync(message, EventKind.Delivered);
        await world.StepUntilAsync(() => world.Sink.Requests.Count == 1);

        Assert.Equal([after], world.Sink.Requests[0].LogIds());
    }

    [Fact]
    public async Task A_webhook_that_says_nothing_fails_after_the_timeout_and_is_tried_again()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var webhook = await world.AddDueWebhookAsync();
        world.Sink.Hang();

        var step = world.StepAsync();
        await world.Sink.WaitAsync(sink => sink.Arrived == 1);
        world.Time.Advance(world.Options.Timeout);
        await step;
        world.Sink.Resume();

        var line = Assert.Single(await world.Store.DeliveriesAsync(webhook.Id, long.MaxValue, 10, default));
        Assert.Equal(("failed", null, "No answer within 10 s", 10_000), (line.Outcome, line.StatusCode, line.Error, line.DurationMs));
        world.Time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(1, await world.StepAsync());
        Assert.Equal(["failed", "delivered"], await world.OutcomesAsync(webhook));
    }

    [Fact]
    public async Task A_webhook_that_is_removed_while_its_request_runs_leaves_nothing_behind()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var webhook = await world.AddDueWebhookAsync();
        world.Sink.Hang();
        var step = world.StepAsync();
        await world.Sink.WaitAsync(sink => sink.Arrived == 1);
        Assert.True(await world.Store.RemoveAsync(world.AccountId, webhook.Id, default));
        world.Sink.Resume();
        await step;

        Assert.Equal(0L, await world.ScalarAsync("SELECT count(*) FROM webhook_deliveries"));
    }

    [Fact]
    public async Task A_private_address_is_refused_before_the_first_octet_where_the_operator_says_so()
    {
        await using var world = await NotifyWorld.CreateAsync(new NotifyOptions { AllowPrivateAddresses = false });
        var webhook = await world.AddDueWebhookAsync();
        await world.StepAsync();

        var line = Assert.Single(await world.Store.DeliveriesAsync(webhook.Id, long.MaxValue, 10, default));
        Assert.Contains("not at a public address", line.Error, StringComparison.Ordinal);
        Assert.Equal(0, world.Sink.Arrived);
    }

    [Fact]
    public async Task A_webhook_that_is_switched_off_keeps_its_place_and_goes_on_from_there()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var webhook = await world.AddWebhookAsync(enabled: false);
        var missed = await world.LogAsync(await world.AddMessageAsync(), EventKind.Delivered);
        await world.ReadableAsync();
        Assert.Equal(0, await world.StepAsync());
        await world.Store.ChangeAsync(world.AccountId, webhook.Id, new WebhookChange(null, null, true), default);
        Assert.Equal(1, await world.StepAsync());

        Assert.Equal([missed], Assert.Single(world.Sink.Requests).LogIds());
    }
}
