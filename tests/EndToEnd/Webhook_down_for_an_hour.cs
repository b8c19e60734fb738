using System.Net.Http.Json;
using System.Text.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Webhook_down_for_an_hour
{
    [Fact]
    public async Task A_receiver_that_fails_for_a_while_gets_every_event_later_in_order_and_rightly_signed()
    {
        // A lease that no step of the clock ends.
        await using var service = await TestService.StartAsync(manualTime: true, settings: ["Notify:Lease=1.00:00:00"]);
        await using var mx = service.AddMx("shop.test");
        mx.ReplyTo("late@shop.test", "451 4.7.1 Greylisted", times: 1);
        await using var sink = await WebhookSink.StartAsync();
        sink.Status = 500;
        using var client = await service.NewClientAsync();
        var made = await client.PostAsJsonAsync("/v1/webhooks", new { url = sink.Url(), kinds = new[] { "processed", "deferred", "delivered" } });
        made.EnsureSuccessStatusCode();
        var publicKey = (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("public_key").GetString()!;

        // While the receiver fails, one message is delivered, another greylisted and delivered an hour later.
        var prompt = await service.AcceptAsync("anna@shop.test");
        var late = await service.AcceptAsync("late@shop.test");
        await service.WaitForEventAsync(prompt, "delivered");
        await service.WaitForEventAsync(late, "deferred");
        await NextTryUntilAsync(service, () => sink.Requests.Count > 0, "the receiver is asked once");
        await service.MoveToNextAttemptAsync(late);
        await service.WaitForEventAsync(late, "delivered");
        var backAt = service.Time!.GetUtcNow() + TimeSpan.FromHours(1);
        await NextTryUntilAsync(service, () => service.Time.GetUtcNow() >= backAt, "the hour is over");
        await Wait.UntilAsync(async () => await TryAsync(service) is (IsUnderWay: false, _), "no request is under way");
        sink.Status = 200;
        await NextTryUntilAsync(service, () => Events(sink).Count >= 5, "the receiver has all events");

        var events = Events(sink);
        Assert.Equal(["processed", "delivered"], Of(events, "anna@shop.test"));
        Assert.Equal(["processed", "deferred", "delivered"], Of(events, "late@shop.test"));
        Assert.Equal(5, events.Select(e => e.GetProperty("sg_event_id").GetString()).Distinct().Count());
        Assert.Equal(late.ToString(), events.First(e => e.GetProperty("email").GetString() == "late@shop.test").GetProperty("sg_message_id").GetString()!.Split('.')[0]);
        Assert.True(SendGridReceiver.HasNode, "node is missing: install Debian's package nodejs");
        Assert.All(await SendGridReceiver.VerifyAsync(publicKey, sink.Requests), Assert.True);
    }

    // From try to try: a leap would end what is under way.
    private static Task NextTryUntilAsync(TestService service, Func<bool> reached, string what) => Wait.UntilAsync(
        async () =>
        {
            if (reached())
            {
                return true;
            }

            if (await TryAsync(service) is (IsUnderWay: false, var at))
            {
                var wait = at - service.Time!.GetUtcNow();
                service.Time.Advance(wait > TimeSpan.Zero ? wait : TimeSpan.FromSeconds(1));
            }

            return false;
        },
        what);

    private static async Task<(bool IsUnderWay, DateTimeOffset At)> TryAsync(TestService service)
    {
        await using var command = service.Db.CreateCommand("SELECT leased_until IS NOT NULL, coalesce(next_try_at, created_at) FROM webhooks");
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetBoolean(0), reader.GetFieldValue<DateTimeOffset>(1));
    }

    private static List<JsonElement> Events(WebhookSink sink) =>
        [.. sink.Requests.Where(r => r.Status == 200).SelectMany(r => JsonSerializer.Deserialize<JsonElement[]>(r.Body)!)];

    private static IEnumerable<string?> Of(List<JsonElement> events, string email) =>
        events.Where(e => e.GetProperty("email").GetString() == email).Select(e => e.GetProperty("event").GetString());
}
