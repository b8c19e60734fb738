using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Tests.Deliver;

public sealed class PaceSignalTests
{
    [Theory]
    [InlineData(SmtpStage.Greeting, 421, "4.7.0", PaceSignal.Refused)]
    [InlineData(SmtpStage.Greeting, 450, null, PaceSignal.Refused)]
    [InlineData(SmtpStage.Hello, 421, null, PaceSignal.Refused)]
    [InlineData(SmtpStage.Greeting, 554, "5.7.1", PaceSignal.None)]
    [InlineData(SmtpStage.MailFrom, 421, "4.7.0", PaceSignal.Failed)]
    [InlineData(SmtpStage.MailFrom, 451, "4.7.1", PaceSignal.Failed)]
    [InlineData(SmtpStage.MailFrom, 452, null, PaceSignal.Failed)]
    [InlineData(SmtpStage.MailFrom, 451, "4.1.8", PaceSignal.Answered)]
    [InlineData(SmtpStage.MailFrom, 550, "5.7.1", PaceSignal.Answered)]
    [InlineData(SmtpStage.RcptTo, 450, "4.2.1", PaceSignal.Answered)]
    [InlineData(SmtpStage.RcptTo, 550, "5.1.1", PaceSignal.Answered)]
    [InlineData(SmtpStage.RcptTo, 421, null, PaceSignal.Failed)]
    [InlineData(SmtpStage.EndOfData, 554, "5.7.1", PaceSignal.Answered)]
    public void A_reply_says_this_about_the_pace(SmtpStage stage, int code, string? status, PaceSignal signal)
    {
        EnhancedStatusCode? enhanced = status is not null && EnhancedStatusCode.TryParse(status, out var parsed) ? parsed : null;
        var reply = new SmtpReply(code, enhanced, "text");
        var (disposition, scope) = ReplyVerdict.Of(stage, reply);

        Assert.Equal(signal, PaceSignals.Of(new Outcome(disposition, scope, stage, reply)));
    }

    [Theory]
    [InlineData(SmtpStage.MailFrom, 421, "too many messages, slow down", PaceSignal.TooMany)]
    [InlineData(SmtpStage.RcptTo, 450, "rate limit exceeded", PaceSignal.TooMany)]
    [InlineData(SmtpStage.EndOfData, 451, "you are sending too fast", PaceSignal.TooMany)]
    [InlineData(SmtpStage.Greeting, 421, "rate limit exceeded", PaceSignal.Refused)]
    [InlineData(SmtpStage.RcptTo, 550, "rate limit exceeded", PaceSignal.Answered)]
    public void A_reply_that_the_rules_call_a_rate_is_about_the_rate_once_the_site_talks_of_a_message(
        SmtpStage stage, int code, string text, PaceSignal signal)
    {
        var reply = new SmtpReply(code, null, text);
        var (disposition, scope) = ReplyVerdict.Of(stage, reply);

        Assert.Equal(signal, PaceSignals.Of(
            new Outcome(disposition, scope, stage, reply) { Reason = ReplyRules.Shipped.Match(reply)!.Reason }));
    }

    [Theory]
    [InlineData(451, 4, 4, 1, FailureScope.Lane, PaceSignal.Failed)]
    [InlineData(451, 4, 4, 4, FailureScope.Lane, PaceSignal.None)]
    [InlineData(550, 5, 7, 1, FailureScope.Message, PaceSignal.None)]
    public void A_reply_of_ours_says_this(int code, int c, int subject, int detail, FailureScope scope, PaceSignal signal)
    {
        var reply = SmtpReply.Local(code, new EnhancedStatusCode(c, subject, detail), "ours");

        Assert.Equal(signal, PaceSignals.Of(new Outcome(
            code < 500 ? Disposition.Deferred : Disposition.Bounced,
            scope, SmtpStage.Connect, reply)));
    }
}
