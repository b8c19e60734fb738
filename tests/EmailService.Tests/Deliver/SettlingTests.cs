using System.Text.Json;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Tests.Deliver;

public sealed class SettlingTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly OutboxOptions Options = new();

    [Theory]
    [InlineData(Disposition.Delivered, OnUnknown.Retry, 72, RecipientState.Delivered, EventKind.Delivered, null)]
    [InlineData(Disposition.Bounced, OnUnknown.Retry, 72, RecipientState.Bounced, EventKind.Bounced, null)]
    [InlineData(Disposition.Deferred, OnUnknown.Retry, 72, null, EventKind.Deferred, 1.0)]
    // The last attempt falls on the expiry itself.
    [InlineData(Disposition.Deferred, OnUnknown.Retry, 0.005, null, EventKind.Deferred, 0.3)]
    [InlineData(Disposition.Deferred, OnUnknown.Retry, 0, RecipientState.Expired, EventKind.Expired, null)]
    [InlineData(Disposition.Deferred, OnUnknown.Retry, -1, RecipientState.Expired, EventKind.Expired, null)]
    [InlineData(Disposition.Deferred, OnUnknown.Stop, 72, null, EventKind.Deferred, 1.0)]
    [InlineData(Disposition.Unknown, OnUnknown.Retry, 72, null, EventKind.Unknown, 30.0)]
    [InlineData(Disposition.Unknown, OnUnknown.Retry, 0.1, RecipientState.Expired, EventKind.Expired, null)]
    [InlineData(Disposition.Unknown, OnUnknown.Stop, 72, RecipientState.Bounced, EventKind.Bounced, null)]
    public void An_outcome_settles(
        Disposition disposition, OnUnknown onUnknown, double hoursLeft, RecipientState? end, EventKind kind, double? minutes)
    {
        var settlement = Settle(disposition, onUnknown, expiresAt: Now.AddHours(hoursLeft));

        Assert.Equal((end, kind), (settlement.End, settlement.Event));
        Assert.Equal(minutes, settlement.DueAt is { } due ? (due - Now).TotalMinutes : null);
    }

    [Fact]
    public void After_an_unknown_outcome_the_longer_of_quiet_period_and_schedule_holds() =>
        Assert.Equal(Now.AddMinutes(64), Settle(Disposition.Unknown, attempt: 7).DueAt);

    [Fact]
    public void Processed_is_said_once()
    {
        Assert.Equal(Now, Settle(Disposition.Deferred).ProcessedAt);
        Assert.Null(Settle(Disposition.Deferred, processed: true).ProcessedAt);
    }

    [Fact]
    public void The_detail_says_what_was_said_where_and_when_it_goes_on()
    {
        var detail = JsonDocument.Parse(Settle(Disposition.Deferred).DetailJson!).RootElement;

        Assert.Equal("450 4.2.1 busy now", detail.GetProperty("reply").GetString());
        Assert.Equal("4.2.1", detail.GetProperty("status").GetString());
        Assert.Equal("mx.shop.test", detail.GetProperty("mail_host").GetString());
        Assert.Equal("127.0.0.1:25", detail.GetProperty("remote").GetString());
        Assert.Equal("rcpt", detail.GetProperty("stage").GetString());
        Assert.Equal("recipient", detail.GetProperty("scope").GetString());
        Assert.True(detail.GetProperty("tls").GetBoolean());
        Assert.False(detail.GetProperty("ours").GetBoolean());
        Assert.Equal(Now.AddMinutes(1), detail.GetProperty("next_attempt_at").GetDateTimeOffset());
        Assert.False(detail.TryGetProperty("type", out _));
    }

    [Fact]
    public void An_end_without_delivery_is_classified()
    {
        var detail = JsonDocument.Parse(Settle(Disposition.Bounced).DetailJson!).RootElement;

        Assert.Equal(("blocked", "Mailbox Unavailable"), (detail.GetProperty("type").GetString(), detail.GetProperty("classification").GetString()));
    }

    [Fact]
    public void A_reply_becomes_one_bounded_line()
    {
        var line = Settling.OneLine(new SmtpReply(550, null, "a\nb\u0007c" + new string('x', 2000)));

        Assert.StartsWith("550 a b c", line, StringComparison.Ordinal);
        Assert.True(line.Length <= 1001);
        Assert.DoesNotContain(line, char.IsControl);
    }

    [Fact]
    public void A_reply_is_not_cut_through_a_character()
    {
        for (var pad = 0; pad < 4; pad++)
        {
            var line = Settling.OneLine(new SmtpReply(550, null, new string('x', pad) + string.Concat(Enumerable.Repeat("\U0001F4E7", 800))));

            Assert.Equal(line, System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(line)));
        }
    }

    private static Settlement Settle(
        Disposition disposition, OnUnknown onUnknown = OnUnknown.Retry, DateTimeOffset? expiresAt = null, int attempt = 1, bool processed = false)
    {
        var claim = new ClaimedRecipient(
            new RecipientId(MessageId.NewRequest(Now), 0), 1, "a@shop.test", "shop.test", attempt, expiresAt ?? Now.AddHours(72), processed);
        var reply = new SmtpReply(450, new EnhancedStatusCode(4, 2, 1), "busy\nnow");
        var step = new AttemptStep
        {
            StartedAt = Now, Duration = TimeSpan.Zero, Disposition = disposition, Stage = "rcpt", MailHost = "mx.shop.test", Remote = "127.0.0.1:25", Tls = "TLS 1.3",
        };
        return Settling.Of(
            claim, onUnknown, "mx:mx.shop.test", new Outcome(disposition, FailureScope.Recipient, SmtpStage.RcptTo, reply), [step], Now, Now, Options, 0.5, ReplyRules.Shipped);
    }
}
