using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Notify;

namespace EmailService.Tests.Notify;

public sealed class EventPayloadTests
{
    private static readonly MessageId message = new MessageId(Guid.Parse("01890a5d-ac96-774b-bcce-b302099a8000")).WithIndex(7);

    // The common fields are compared once, below.
    [Theory]
    [InlineData(EventKind.Accepted, null, """{"event":"accepted"}""")]
    [InlineData(EventKind.Processed, null, """{"event":"processed","send_at":0}""")]
    [InlineData(EventKind.Deferred, """{"reply":"451 4.3.0 later","status":"4.3.0","tls":true,"source":"192.0.2.1:4711","next_attempt_at":"2030-01-01T00:00:00Z"}""",
        """{"event":"deferred","response":"451 4.3.0 later","attempt":"2","ip":"192.0.2.1","tls":1}""")]
    [InlineData(EventKind.Unknown, """{"reply":"451 4.4.2 connection lost","tls":false}""",
        """{"event":"unknown","reason":"451 4.4.2 connection lost","attempt":"2","tls":0}""")]
    [InlineData(EventKind.Delivered, """{"reply":"250 2.0.0 OK","tls":true,"source":"2001:db8::1"}""",
        """{"event":"delivered","response":"250 2.0.0 OK","attempt":"2","ip":"2001:db8::1","tls":1}""")]
    [InlineData(EventKind.Bounced, """{"reply":"550 5.1.1 no","status":"5.1.1","type":"bounce","classification":"Invalid Address","tls":true}""",
        """{"event":"bounce","reason":"550 5.1.1 no","status":"5.1.1","type":"bounce","bounce_classification":"Invalid Address","tls":1}""")]
    [InlineData(EventKind.Bounced, """{"reply":"550 5.7.1 spam","status":"5.7.1","type":"blocked"}""",
        """{"event":"bounce","reason":"550 5.7.1 spam","status":"5.7.1","type":"blocked"}""")]
    [InlineData(EventKind.Expired, """{"reply":"451 4.3.0 later","status":"4.3.0"}""",
        """{"event":"bounce","reason":"451 4.3.0 later","status":"4.3.0","type":"blocked"}""")]
    [InlineData(EventKind.Suppressed, """{"reason":"Unsubscribed Address"}""", """{"event":"dropped","reason":"Unsubscribed Address"}""")]
    [InlineData(EventKind.Suppressed, null, """{"event":"dropped","reason":"Bounced Address"}""")]
    [InlineData(EventKind.Cancelled, null, """{"event":"dropped","reason":"Cancelled"}""")]
    [InlineData(EventKind.DomainFailing, """{"problem":"Publish it.","since":"2030-01-01T00:00:00Z"}""",
        """{"domain":"r@example.net","event":"domain_failing","reason":"Publish it."}""")]
    [InlineData(EventKind.DomainUnverified, null, """{"domain":"r@example.net","event":"domain_unverified","reason":""}""")]
    public void Each_kind_has_SendGrids_name_and_fields(EventKind kind, string? detail, string expected)
    {
        var written = Write(Logged(kind) with { Detail = detail });

        Assert.NotEqual(kind.IsAboutDomain(), written.TryGetProperty("sg_message_id", out _));
        string[] common = ["email", "sg_event_id", "sg_message_id", "timestamp"];
        Assert.Equal(
            JsonDocument.Parse(expected).RootElement.EnumerateObject().Select(p => (p.Name, p.Value.GetRawText())),
            written.EnumerateObject().Where(p => !common.Contains(p.Name)).Select(p => (p.Name, p.Value.GetRawText())));
    }

    [Fact]
    public void The_common_fields_lead_back_to_the_request_and_the_Message_ID()
    {
        var written = Write(Logged(EventKind.Processed) with
        {
            FromAddress = "shop@example.com",
            SendAt = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000),
            Categories = ["a", "b"],
            CustomArgs = """{"order_id":"42","email":"forged","event":"forged","sg_event_id":"forged","message":"kept"}""",
        });

        Assert.Equal("r@example.net", written.GetProperty("email").GetString());
        Assert.Equal(1_700_000_000, written.GetProperty("timestamp").GetInt64());
        Assert.Equal(1_800_000_000, written.GetProperty("send_at").GetInt64());
        Assert.Equal($"{message.RequestId}.7.3", written.GetProperty("sg_message_id").GetString());
        Assert.Equal($"<{message}@example.com>", written.GetProperty("smtp-id").GetString());
        Assert.Equal("""["a","b"]""", written.GetProperty("category").GetRawText());
        Assert.Equal("42", written.GetProperty("order_id").GetString());
        Assert.Equal("kept", written.GetProperty("message").GetString());
        Assert.Equal("processed", written.GetProperty("event").GetString());
        Assert.Single(written.EnumerateObject(), p => p.Name == "email");
    }

    /// <summary>Every field that SendGrid's documentation gives to an event.</summary>
    [Theory]
    [InlineData("email event timestamp smtp-id sg_event_id sg_message_id category asm_group_id ip useragent url url_offset reason status response attempt tls cert_err type")]
    [InlineData("bounce_classification pool send_at domain from sg_machine_open sg_content_type custom_args")]
    public void A_custom_argument_never_looks_like_a_field_of_the_event_and_is_told_apart(string fields)
    {
        foreach (var field in fields.Split(' '))
        {
            foreach (var kind in Enum.GetValues<EventKind>().Where(kind => !kind.IsAboutDomain()))
            {
                var plain = Logged(kind) with { FromAddress = "shop@example.com", Detail = """{"reply":"550 5.1.1 no","status":"5.1.1","tls":true}""" };
                var written = Write(plain with { CustomArgs = JsonSerializer.Serialize(new Dictionary<string, string> { [field] = "forged", ["order"] = "42" }) });

                Assert.Equal(
                    [.. Write(plain).EnumerateObject().Select(p => (p.Name, p.Value.GetRawText())), ("order", "\"42\""), ("custom_args", $"{{\"{field}\":\"forged\"}}")],
                    written.EnumerateObject().Select(p => (p.Name, p.Value.GetRawText())));
            }
        }
    }

    [Fact]
    public void An_event_id_depends_on_the_event_alone_and_is_at_most_100_characters()
    {
        var one = Logged(EventKind.Processed);
        Assert.Equal(EventPayload.EventId(one), EventPayload.EventId(one with { Categories = ["x"], Attempt = 9 }));
        Assert.NotEqual(EventPayload.EventId(one), EventPayload.EventId(one with { Place = new LogPlace(1, 12) }));

        var longest = one with { Place = new LogPlace(ulong.MaxValue, long.MaxValue), AccountId = int.MaxValue, Recipient = new RecipientId(message, short.MaxValue) };
        Assert.InRange(EventPayload.EventId(longest).Length, 1, 100);
    }

    [Fact]
    public void A_batch_is_an_array_with_a_line_for_each_event()
    {
        var batch = EventBatch.Write([Logged(EventKind.Processed), Logged(EventKind.Delivered)], int.MaxValue);
        var text = Encoding.UTF8.GetString(batch.Body.Span);

        Assert.StartsWith("[{\"email\"", text, StringComparison.Ordinal);
        Assert.EndsWith("}]\r\n", text, StringComparison.Ordinal);
        Assert.Equal(2, text.Split("},\r\n{").Length);
        Assert.Equal(2, JsonDocument.Parse(batch.Body).RootElement.GetArrayLength());
    }

    [Fact]
    public void A_batch_holds_what_fits_and_at_least_one()
    {
        var events = Enumerable.Range(0, 1000)
            .Select(i => Logged(EventKind.Delivered) with { CustomArgs = $$"""{"note":"{{new string('é', 1000)}}"}""" }).ToList();

        var batch = EventBatch.Write(events, 768 * 1024);
        Assert.InRange(batch.Body.Length, (768 * 1024) - 2500, 768 * 1024);
        Assert.Equal(batch.Count, JsonDocument.Parse(batch.Body).RootElement.GetArrayLength());
        Assert.Equal(1, EventBatch.Write(events, 10).Count);
    }

    private static LoggedEvent Logged(EventKind kind) => new()
    {
        Place = new LogPlace(1, 11),
        AccountId = 5,
        Recipient = new RecipientId(message, 3),
        Kind = kind,
        At = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
        Address = "r@example.net",
        Attempt = 2,
    };

    private static JsonElement Write(LoggedEvent logged) =>
        JsonDocument.Parse(EventBatch.Write([logged], int.MaxValue).Body).RootElement[0];
}
