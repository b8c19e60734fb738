using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Tests.Deliver;

public sealed class VerdictTests
{
    [Theory]
    // 421, whatever was asked.
    [InlineData(SmtpStage.Greeting, "421", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.RcptTo, "421 4.7.0", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.EndOfData, "421", Disposition.Deferred, FailureScope.Host)]
    // 552 after RCPT: too many recipients, unless an enhanced code says what is meant.
    [InlineData(SmtpStage.RcptTo, "552", Disposition.Deferred, FailureScope.Recipient)]
    [InlineData(SmtpStage.RcptTo, "552 5.2.2", Disposition.Bounced, FailureScope.Recipient)]
    [InlineData(SmtpStage.EndOfData, "552", Disposition.Bounced, FailureScope.Message)]
    // 503: out of step.
    [InlineData(SmtpStage.MailFrom, "503", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.RcptTo, "503 5.5.1", Disposition.Deferred, FailureScope.Host)]
    // Before MAIL: about the host and us.
    [InlineData(SmtpStage.Greeting, "554 5.7.1", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.Hello, "550", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.StartTls, "454", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.Reset, "500", Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpStage.Quit, "500", Disposition.Deferred, FailureScope.Host)]
    // The recipient.
    [InlineData(SmtpStage.RcptTo, "550 5.1.1", Disposition.Bounced, FailureScope.Recipient)]
    [InlineData(SmtpStage.RcptTo, "450 4.2.0", Disposition.Deferred, FailureScope.Recipient)]
    [InlineData(SmtpStage.RcptTo, "452", Disposition.Deferred, FailureScope.Recipient)]
    // The message.
    [InlineData(SmtpStage.MailFrom, "550", Disposition.Bounced, FailureScope.Message)]
    [InlineData(SmtpStage.MailFrom, "450", Disposition.Deferred, FailureScope.Message)]
    [InlineData(SmtpStage.Data, "554", Disposition.Bounced, FailureScope.Message)]
    [InlineData(SmtpStage.Data, "451", Disposition.Deferred, FailureScope.Message)]
    [InlineData(SmtpStage.Content, "552", Disposition.Bounced, FailureScope.Message)]
    [InlineData(SmtpStage.Content, "452", Disposition.Deferred, FailureScope.Message)]
    [InlineData(SmtpStage.EndOfData, "554 5.7.1", Disposition.Bounced, FailureScope.Message)]
    [InlineData(SmtpStage.EndOfData, "451", Disposition.Deferred, FailureScope.Message)]
    public void A_refusal_means(SmtpStage stage, string reply, Disposition disposition, FailureScope scope) =>
        Assert.Equal((disposition, scope), ReplyVerdict.Of(stage, Reply(reply)));

    [Theory]
    [InlineData(SmtpRecipientOutcome.Accepted, Disposition.Delivered, null)]
    [InlineData(SmtpRecipientOutcome.Failed, Disposition.Deferred, FailureScope.Host)]
    [InlineData(SmtpRecipientOutcome.Unknown, Disposition.Unknown, FailureScope.Recipient)]
    public void What_came_of_a_recipient_means(SmtpRecipientOutcome what, Disposition disposition, FailureScope? scope)
    {
        var reply = what == SmtpRecipientOutcome.Accepted ? Reply("250 2.0.0") : null;
        var outcome = Verdict.Of(new SmtpRecipientResult("a@b.test", what, SmtpStage.EndOfData, reply, reply is null ? SmtpFailureKind.Closed : null));

        Assert.Equal((disposition, scope), (outcome.Disposition, outcome.Scope));
        Assert.Equal(reply is null, outcome.Reply.IsLocal);
    }

    [Fact]
    public void A_refused_recipient_keeps_the_reply_and_its_stage()
    {
        var outcome = Verdict.Of(new SmtpRecipientResult("a@b.test", SmtpRecipientOutcome.Refused, SmtpStage.RcptTo, Reply("550 5.1.1"), SmtpFailureKind.Refused));

        Assert.Equal((Disposition.Bounced, FailureScope.Recipient, SmtpStage.RcptTo, "550 5.1.1 text"),
            (outcome.Disposition, outcome.Scope, outcome.Stage, outcome.Reply.ToString()));
    }

    [Theory]
    [InlineData(SmtpFailureKind.ConnectFailed, "4.4.1")]
    [InlineData(SmtpFailureKind.TimedOut, "4.4.1")]
    [InlineData(SmtpFailureKind.Closed, "4.4.2")]
    [InlineData(SmtpFailureKind.ProtocolError, "4.5.0")]
    [InlineData(SmtpFailureKind.TlsFailed, "4.7.5")]
    [InlineData(SmtpFailureKind.Refused, "4.0.0")]
    [InlineData(SmtpFailureKind.Aborted, "4.3.2")]
    public void A_session_that_did_not_come_about_is_the_hosts_fault_and_our_words(SmtpFailureKind kind, string status)
    {
        var outcome = Verdict.Of(new SmtpConnectFailure(SmtpStage.Connect, kind, null, "detail"));

        Assert.Equal((Disposition.Deferred, FailureScope.Host), (outcome.Disposition, outcome.Scope));
        Assert.True(outcome.Reply.IsLocal);
        Assert.Equal(status, outcome.Reply.Enhanced.ToString());
        Assert.Contains("detail", outcome.Reply.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SmtpStage.MailFrom, 552, "5.3.4")]
    [InlineData(SmtpStage.MailFrom, 550, "5.6.9")]
    [InlineData(SmtpStage.RcptTo, 553, "5.6.7")]
    [InlineData(SmtpStage.MailFrom, 550, "5.7.30")]
    public void What_a_host_does_not_offer_another_may(SmtpStage stage, int code, string status)
    {
        Assert.True(EnhancedStatusCode.TryParse(status, out var enhanced));

        Assert.Equal((Disposition.Bounced, FailureScope.Host), ReplyVerdict.Of(stage, SmtpReply.Local(code, enhanced, "text")));
    }

    [Theory]
    [InlineData("530 5.7.0 Must issue a STARTTLS command first", true)]
    [InlineData("530 Must issue a STARTTLS command first", true)]
    [InlineData("530 5.7.1 Authentication or encryption required", true)]
    [InlineData("538 5.7.11 Encryption required for requested authentication mechanism", true)]
    [InlineData("523 5.7.10 Encryption needed", true)]
    [InlineData("550 5.7.10 Encryption needed", true)]
    [InlineData("554 5.7.1 This server requires TLS", true)]
    [InlineData("550 5.7.1 TLS required", true)]
    [InlineData("550 5.7.0 Must use a secure connection", true)]
    [InlineData("503 5.5.1 STARTTLS first", true)]
    [InlineData("550 5.1.1 No such user", false)]
    [InlineData("550 5.7.1 Message refused", false)]
    [InlineData("554 5.7.1 Your certificate list is blocked", false)]
    [InlineData("550 5.1.1 tls-required@x.test: no such user, TLS needed", false)]
    public void A_refusal_in_clear_after_TLS_failed_is_told_by_what_it_asks_for(string text, bool asksForTls)
    {
        var words = text.Split(' ');
        var enhanced = EnhancedStatusCode.TryParse(words[1], out var code) ? code : (EnhancedStatusCode?)null;
        var reply = new SmtpReply(
            int.Parse(words[0], System.Globalization.CultureInfo.InvariantCulture), enhanced, string.Join(' ', words.Skip(enhanced is null ? 1 : 2)));
        foreach (var stage in new[] { SmtpStage.MailFrom, SmtpStage.RcptTo, SmtpStage.Data })
        {
            var outcome = new Outcome(Disposition.Bounced, FailureScope.Message, stage, reply);
            var judged = Verdict.InClear(outcome, "TLS failed (closed)");

            Assert.Equal(asksForTls ? (Disposition.Deferred, FailureScope.Host) : (Disposition.Bounced, FailureScope.Message), (judged.Disposition, judged.Scope!.Value));
            Assert.Equal(asksForTls ? $"451 4.7.5 TLS failed (closed), and in clear the host said: {text}" : text, judged.Reply.ToString());
        }
    }

    private static SmtpReply Reply(string text)
    {
        var words = text.Split(' ');
        var enhanced = words.Length > 1 && EnhancedStatusCode.TryParse(words[1], out var code) ? code : (EnhancedStatusCode?)null;
        return new SmtpReply(int.Parse(words[0], System.Globalization.CultureInfo.InvariantCulture), enhanced, "text");
    }
}
