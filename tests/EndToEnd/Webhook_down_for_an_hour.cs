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
        await using var service = await TestService.StartAsync(manualTime: true);
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
        await AdvanceUntilAsync(service, () => sink.Requests.Count > 0, TimeSpan.FromSeconds(1), "the receiver is asked once");
        await service.MoveToNextAttemptAsync(late);
        await service.WaitForEventAsync(late, "delivered");
        service.Time!.Advance(TimeSpan.FromHours(1));
        sink.Status = 200;
        await AdvanceUntilAsync(service, () => Events(sink).Count >= 5, TimeSpan.FromSeconds(30), "the receiver has all events");

        var events = Events(sink);
        Assert.Equal(["processed", "delivered"], Of(events, "anna@shop.test"));
        Assert.Equal(["processed", "deferred", "delivered"], Of(events, "late@shop.test"));
        Assert.Equal(5, events.Select(e => e.GetProperty("sg_event_id").GetString()).Distinct().Count());
        Assert.Equal(late.ToString(), events.First(e => e.GetProperty("email").GetString() == "late@shop.test").GetProperty("sg_message_id").GetString()!.Split('.')[0]);
        Assert.True(SendGridReceiver.HasNode, "node is missing: install Debian's package nodejs");
        Assert.All(await SendGridReceiver.VerifyAsync(publicKey, sink.Requests), Assert.True);
    }

    private static Task AdvanceUntilAsync(TestService service, Func<bool> reached, TimeSpan step, string what) => Wait.UntilAsync(() =>
    {
        if (reached())
        {
            return true;
        }

        service.Time!.Advance(step);
        return false;
    }, what);

    private static List<JsonElement> Events(WebhookSink sink) =>
        [.. sink.Requests.Where(r => r.Status == 200).SelectMany(r => JsonSerializer.Deserialize<JsonElement[]>(r.Body)!)];

    private static IEnumerable<string?> Of(List<JsonElement> events, string email) =>
        events.Where(e => e.GetProperty("email").GetString() == email).Select(e => e.GetProperty("event").GetString());
}
