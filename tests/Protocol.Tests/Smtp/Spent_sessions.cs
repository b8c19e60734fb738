using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>On a session that carried a message before, an answer that only says that the session is spent is told from one about the message.</summary>
public sealed class Spent_sessions
{
    [Theory]
    // RSET, whatever it says.
    [InlineData(SmtpStage.Reset, "500 5.5.1 What?", true)]
    [InlineData(SmtpStage.Reset, "502 5.5.1 Not implemented", true)]
    [InlineData(SmtpStage.Reset, "421 4.4.2 Idle too long", true)]
    [InlineData(SmtpStage.Reset, "451 4.3.0 Later", true)]
    [InlineData(SmtpStage.Reset, "550 5.7.1 Enough", true)]
    // MAIL.
    [InlineData(SmtpStage.MailFrom, "421 4.4.2 Closing", true)]
    [InlineData(SmtpStage.MailFrom, "503 5.5.1 Sender already given", true)]
    [InlineData(SmtpStage.MailFrom, "503 5.5.1 Polite people say EHLO first", true)]
    [InlineData(SmtpStage.MailFrom, "500 5.5.1 What?", true)]
    [InlineData(SmtpStage.MailFrom, "452 4.3.1 Too many messages in this session", true)]
    [InlineData(SmtpStage.MailFrom, "452 4.5.3 Too many recipients", true)]
    [InlineData(SmtpStage.MailFrom, "451 4.7.0 Max message per connection reached", true)]
    [InlineData(SmtpStage.MailFrom, "550 5.7.0 maximum number of mails per session exceeded", true)]
    [InlineData(SmtpStage.MailFrom, "450 4.7.1 Message limit for this SMTP session reached; please reconnect", true)]
    [InlineData(SmtpStage.MailFrom, "452 Enough transactions on the same connection", true)]
    [InlineData(SmtpStage.MailFrom, "451 Please open a new connection", true)]
    [InlineData(SmtpStage.MailFrom, "452 4.3.1 Insufficient system storage", false)]
    [InlineData(SmtpStage.MailFrom, "451 4.7.1 Too many connections from your address", false)]
    [InlineData(SmtpStage.MailFrom, "450 4.7.1 Too many messages from your address", false)]
    [InlineData(SmtpStage.MailFrom, "550 5.7.1 Sender blocked", false)]
    [InlineData(SmtpStage.MailFrom, "501 5.1.7 Bad sender address", false)]
    // RCPT: one recipient was named.
    [InlineData(SmtpStage.RcptTo, "452 4.5.3 Too many recipients", true)]
    [InlineData(SmtpStage.RcptTo, "452 4.3.0 Too many recipients in this session", true)]
    [InlineData(SmtpStage.RcptTo, "421 4.7.0 Too many messages for this session", true)]
    [InlineData(SmtpStage.RcptTo, "421 4.7.28 Unusual rate of mail from your address", false)]
    [InlineData(SmtpStage.RcptTo, "452 4.2.2 Mailbox full", false)]
    [InlineData(SmtpStage.RcptTo, "550 5.1.1 No such user", false)]
    // The end of the data.
    [InlineData(SmtpStage.EndOfData, "451 4.3.2 Too many messages this session", true)]
    [InlineData(SmtpStage.EndOfData, "421 4.7.0 Too busy", false)]
    [InlineData(SmtpStage.EndOfData, "554 5.7.1 Spam", false)]
    public async Task A_reply_says_whether_it_is_about_the_session(SmtpStage stage, string reply, bool isSpent)
    {
        for (var i = 0; i < 4; i++)
        {
            await using var mx = ScriptedMx.StartOffering(i < 2 ? ["PIPELINING", "CHUNKING"] : []);
            mx.Pacing = i % 2 == 0 ? MxPacing.Whole : MxPacing.ByteByByte;
            await using var used = await OpenAsync(mx);
            await using var fresh = await OpenAsync(mx);
            await UseAsync(mx, used, needsReset: stage == SmtpStage.Reset);
            mx.Reply(stage, reply);

            var result = await used.SendAsync(To("b@x.test"));

            Assert.Equal((SmtpRecipientOutcome.Refused, isSpent), (result.Recipients[0].Outcome, result.SessionWasStale));
            Assert.False(isSpent && result.SessionUsable);
            Assert.DoesNotContain(mx.Messages, m => m.ForwardPaths.Contains("b@x.test"));
            if (stage != SmtpStage.Reset)
            {
                // On a new one the same reply means what it says.
                Assert.False((await fresh.SendAsync(To("b@x.test"))).SessionWasStale);
            }
        }
    }

    [Theory]
    [InlineData(SmtpStage.Reset, true)]
    [InlineData(SmtpStage.MailFrom, true)]
    [InlineData(SmtpStage.RcptTo, true)]
    [InlineData(SmtpStage.Data, true)]
    [InlineData(SmtpStage.EndOfData, false)]
    public async Task A_host_that_closes_before_it_has_the_content_has_ended_the_session(SmtpStage stage, bool isSpent)
    {
        foreach (var offer in new[] { new[] { "PIPELINING" }, [] })
        {
            await using var mx = ScriptedMx.StartOffering(offer);
            await using var session = await OpenAsync(mx);
            await UseAsync(mx, session, needsReset: true);
            mx.Close(stage);

            var result = await session.SendAsync(To("b@x.test"));

            Assert.Equal(isSpent, result.SessionWasStale);
            Assert.Equal(isSpent ? SmtpRecipientOutcome.Failed : SmtpRecipientOutcome.Unknown, result.Recipients[0].Outcome);
        }
    }

    [Theory]
    [InlineData(SmtpStage.Reset)]
    [InlineData(SmtpStage.MailFrom)]
    public async Task Silence_is_no_word_about_the_session_and_gets_no_second_deadline(SmtpStage stage)
    {
        await using var mx = ScriptedMx.StartOffering("PIPELINING", "CHUNKING");
        await using var session = await OpenAsync(mx, HastyAt(stage));
        await UseAsync(mx, session, needsReset: stage == SmtpStage.Reset);
        mx.Hang(stage);

        Assert.False((await session.SendAsync(To("b@x.test"))).SessionWasStale);
    }

    [Fact]
    public async Task What_is_no_reply_on_a_session_that_was_in_order_ends_it()
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);
        await UseAsync(mx, session, needsReset: false);
        mx.Reply(SmtpStage.MailFrom, "What was that again?");

        Assert.True((await session.SendAsync(To("b@x.test"))).SessionWasStale);
    }

    private static async Task UseAsync(ScriptedMx mx, SmtpClientSession session, bool needsReset)
    {
        if (needsReset)
        {
            mx.ReplyTo("a@x.test", "550 5.1.1 No such user", times: 1);
        }

        await session.SendAsync(To("a@x.test"));
        Assert.Equal(1, session.MessagesSent);
    }
}
