using System.Net;
using System.Text;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Client_session
{
    [Fact]
    public async Task Two_messages_go_over_one_session_without_reset()
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);

        await session.SendAsync(To("a@x.test"));
        var result = await session.SendAsync(new SmtpEnvelope("", ["b@x.test", "c@x.test"], Is8Bit: true));
        await session.QuitAsync(default);

        Assert.All(result.Recipients, r => Assert.Equal((SmtpRecipientOutcome.Accepted, SmtpStage.EndOfData), (r.Outcome, r.Stage)));
        Assert.Equal("250 2.0.0 Ok: queued as 2", result.Recipients[0].Reply!.ToString());
        Assert.Equal(2, session.MessagesSent);
        Assert.False(session.IsUsable);
        Assert.Equal(
            ["EHLO client.test", "MAIL FROM:<bounce@sender.test> SIZE=37", "RCPT TO:<a@x.test>", "BDAT 37 LAST",
             "MAIL FROM:<> SIZE=37 BODY=8BITMIME", "RCPT TO:<b@x.test>", "RCPT TO:<c@x.test>", "BDAT 37 LAST", "QUIT"],
            mx.Commands);
        Assert.Equal(Message, mx.Messages[0].Data);
    }

    [Theory]
    [InlineData("PIPELINING")]
    [InlineData("PIPELINING", "CHUNKING")]
    [InlineData("CHUNKING")]
    [InlineData]
    public async Task Some_recipients_refused_does_not_keep_the_others_from_getting_it(params string[] offer)
    {
        await using var mx = ScriptedMx.StartOffering(offer);
        mx.ReplyTo("b@x.test", "550 5.1.1 No such user");
        mx.ReplyTo("d@x.test", "452 4.2.2 Full");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test", "b@x.test", "c@x.test", "d@x.test"));

        Assert.Equal(
            [SmtpRecipientOutcome.Accepted, SmtpRecipientOutcome.Refused, SmtpRecipientOutcome.Accepted, SmtpRecipientOutcome.Refused],
            result.Recipients.Select(r => r.Outcome));
        Assert.Equal("550 5.1.1 No such user", result.Recipients[1].Reply!.ToString());
        Assert.True(result.Recipients[3].Reply!.IsTransient);
        Assert.Equal(["a@x.test", "c@x.test"], Assert.Single(mx.Messages).ForwardPaths);
        Assert.True(result.SessionUsable);
    }

    [Fact]
    public async Task All_recipients_refused_and_DATA_answered_354_sends_an_empty_content_and_goes_on()
    {
        await using var mx = ScriptedMx.StartOffering("PIPELINING");
        mx.Reply(SmtpStage.RcptTo, "550 5.1.1 No", times: 2);
        mx.Reply(SmtpStage.Data, "354 Go ahead", times: 1);
        mx.Reply(SmtpStage.EndOfData, "554 5.5.1 Nobody to send to", times: 1);
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test", "b@x.test"));

        Assert.All(result.Recipients, r => Assert.Equal((SmtpRecipientOutcome.Refused, SmtpStage.RcptTo), (r.Outcome, r.Stage)));
        Assert.True(result.SessionUsable);
        Assert.Empty(Assert.Single(mx.RefusedMessages).Data);
        var next = await session.SendAsync(To("c@x.test"));
        Assert.Equal(SmtpRecipientOutcome.Accepted, next.Recipients[0].Outcome);
        Assert.Contains("RSET", mx.Commands);
    }

    [Fact]
    public async Task A_421_in_the_middle_of_a_group_is_the_answer_to_all_that_are_open()
    {
        await using var mx = ScriptedMx.Start();
        mx.ReplyTo("a@x.test", "550 5.1.1 No");
        mx.ReplyTo("c@x.test", "421 4.7.0 Enough");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test", "b@x.test", "c@x.test", "d@x.test"));

        Assert.Equal([550, 421, 421, 421], result.Recipients.Select(r => r.Reply!.Code));
        Assert.All(result.Recipients, r => Assert.Equal((SmtpRecipientOutcome.Refused, SmtpStage.RcptTo), (r.Outcome, r.Stage)));
        Assert.False(result.SessionUsable);
        Assert.Empty(mx.Messages);
    }

    [Fact]
    public async Task Thousands_of_recipients_go_in_groups()
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);
        var recipients = Enumerable.Range(0, 2_345).Select(i => $"{new string('a', i % 60)}{i}@x.test").ToArray();

        var result = await session.SendAsync(To(recipients));

        Assert.All(result.Recipients, r => Assert.Equal(SmtpRecipientOutcome.Accepted, r.Outcome));
        Assert.Equal(recipients, Assert.Single(mx.Messages).ForwardPaths);
    }

    [Fact]
    public async Task EHLO_refused_falls_back_to_HELO()
    {
        await using var mx = ScriptedMx.Start();
        mx.Reply(SmtpStage.Hello, "502 5.5.1 Old", times: 1);
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal(SmtpCapabilities.None, session.Capabilities);
        Assert.Equal(SmtpRecipientOutcome.Accepted, result.Recipients[0].Outcome);
        Assert.Equal(["EHLO client.test", "HELO client.test", "MAIL FROM:<bounce@sender.test>", "RCPT TO:<a@x.test>", "DATA"], mx.Commands);
    }

    [Theory]
    [InlineData("\r\n", MxPacing.LineByLine)]
    [InlineData("\n", MxPacing.Whole)]
    [InlineData("\n", MxPacing.ByteByByte)]
    public async Task Lines_may_end_with_a_bare_line_feed_and_come_in_pieces(string lineEnd, MxPacing pacing)
    {
        await using var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        mx.LineEnd = lineEnd;
        mx.Pacing = pacing;
        await using var session = await OpenAsync(mx, tls: SmtpTlsMode.Required);

        var result = await session.SendAsync(To("a@x.test", "b@x.test"));

        Assert.True(session.Capabilities is { Pipelining: true, Chunking: true, SmtpUtf8: true, EightBitMime: true, Size: true, MaxSize: 52428800 });
        Assert.All(result.Recipients, r => Assert.Equal(SmtpRecipientOutcome.Accepted, r.Outcome));
    }

    [Fact]
    public async Task A_session_that_the_host_closed_while_idle_is_stale_and_not_alive()
    {
        await using var mx = ScriptedMx.Start();
        await using var silent = await OpenAsync(mx);
        await using var spoken = await OpenAsync(mx);
        Assert.True(silent.IsAlive());
        await silent.SendAsync(To("a@x.test"));
        await spoken.SendAsync(To("a@x.test"));

        mx.ResetConnections();
        mx.Reply(SmtpStage.MailFrom, "421 4.4.2 Idle too long");
        await using var third = await OpenAsync(mx);

        Assert.False(silent.IsAlive());
        var result = await silent.SendAsync(To("b@x.test"));
        Assert.True(result.SessionWasStale);
        Assert.Equal((SmtpRecipientOutcome.Failed, SmtpFailureKind.Closed), (result.Recipients[0].Outcome, result.Recipients[0].Failure!.Value));
        var fresh = await third.SendAsync(To("b@x.test"));
        Assert.False(fresh.SessionWasStale);
        Assert.Equal(421, fresh.Recipients[0].Reply!.Code);
    }

    [Fact]
    public async Task What_EHLO_rules_out_is_refused_by_us_and_said_to_be_ours()
    {
        await using var mx = ScriptedMx.StartOffering("PIPELINING", "SIZE 20");
        await using var session = await OpenAsync(mx);

        var large = await session.SendAsync(To("a@x.test"));
        var unicode = await session.SendAsync(To("a@x.test", "ж@x.test"), "1\r\n"u8.ToArray());
        var header = await session.SendAsync(To("a@x.test") with { NeedsSmtpUtf8 = true }, "1\r\n"u8.ToArray());
        var eightBit = await session.SendAsync(To("a@x.test") with { Is8Bit = true }, "1\r\n"u8.ToArray());

        Assert.Equal("552 5.3.4", large.Recipients[0].Reply!.ToString()[..9]);
        Assert.Equal(SmtpRecipientOutcome.Accepted, unicode.Recipients[0].Outcome);
        Assert.Equal("553 5.6.7", unicode.Recipients[1].Reply!.ToString()[..9]);
        Assert.Equal("550 5.6.9", header.Recipients[0].Reply!.ToString()[..9]);
        Assert.Equal("554 5.6.3", eightBit.Recipients[0].Reply!.ToString()[..9]);
        Assert.All([large.Recipients[0], unicode.Recipients[1], header.Recipients[0], eightBit.Recipients[0]], r => Assert.True(r.Reply!.IsLocal));
        Assert.True(eightBit.SessionUsable);
        Assert.DoesNotContain(mx.Commands, c => c.Contains("SMTPUTF8", StringComparison.Ordinal) || c.Contains('ж'));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task Addresses_that_are_not_ascii_go_as_utf8_where_it_is_offered()
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);

        await session.SendAsync(To("a@x.test", "потребител@пример.test"));

        Assert.EndsWith(" SMTPUTF8", mx.Messages[0].Mail, StringComparison.Ordinal);
        Assert.Equal("потребител@пример.test", mx.Messages[0].ForwardPaths[1]);
    }

    [Theory]
    [InlineData("a@x.test\r\nRCPT TO:<evil@x.test")]
    [InlineData("a@x.test> NOTIFY=NEVER <")]
    [InlineData("a\0@x.test")]
    [InlineData("")]
    public async Task Nothing_can_be_injected_by_a_path(string path)
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);

        await Assert.ThrowsAsync<ArgumentException>(() => session.SendAsync(To(path)));
        if (path.Length > 0)
        {
            await Assert.ThrowsAsync<ArgumentException>(() => session.SendAsync(new SmtpEnvelope(path, ["a@x.test"])));
        }

        Assert.Equal(["EHLO client.test"], mx.Commands);
        Assert.True(session.IsUsable);
        await Assert.ThrowsAsync<ArgumentException>(() => ConnectAsync(mx.EndPoint, Options with { HelloName = path }));
    }

    [Fact]
    public async Task Cancelling_before_the_end_of_data_fails_and_after_it_waits_for_the_reply()
    {
        await using var hanging = ScriptedMx.Start();
        await using var mx = ScriptedMx.Start();
        await using var early = await OpenAsync(hanging);
        await using var late = await OpenAsync(mx);
        using var stopping = new CancellationTokenSource();

        // A host each: of two sessions with one host, either may be the one that the script lets hang.
        hanging.Hang(SmtpStage.RcptTo);
        var sending = early.SendAsync(To("a@x.test"), token: stopping.Token);
        mx.HoldFinalReplies();
        var finishing = late.SendAsync(To("b@x.test"), token: stopping.Token);
        await mx.WaitForMessagesAsync(1);
        while (!hanging.Commands.Contains("RCPT TO:<a@x.test>"))
        {
            await Task.Yield();
        }

        await stopping.CancelAsync();
        var failed = await sending;
        Assert.False(finishing.IsCompleted);
        mx.ReleaseFinalReplies();

        Assert.Equal((SmtpRecipientOutcome.Failed, SmtpFailureKind.Aborted), (failed.Recipients[0].Outcome, failed.Recipients[0].Failure!.Value));
        Assert.Equal(SmtpRecipientOutcome.Accepted, (await finishing).Recipients[0].Outcome);
        Assert.True(late.IsUsable);
        Assert.False(early.IsUsable);
        await Assert.ThrowsAsync<InvalidOperationException>(() => early.SendAsync(To("c@x.test")));
    }

    [Theory]
    [InlineData("PIPELINING")]
    [InlineData("PIPELINING", "CHUNKING")]
    public async Task A_reply_in_the_middle_of_the_content_is_a_refusal_and_not_unknown(params string[] offer)
    {
        await using var mx = ScriptedMx.StartOffering(offer);
        mx.Reply(SmtpStage.Content, "552 5.3.4 Too much for us");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test"), Large(30_000_000));

        Assert.Equal((SmtpRecipientOutcome.Refused, SmtpStage.Content), (result.Recipients[0].Outcome, result.Recipients[0].Stage));
        Assert.Equal("552 5.3.4 Too much for us", result.Recipients[0].Reply!.ToString());
        Assert.False(result.SessionUsable);
    }

    [Theory]
    [InlineData("PIPELINING")]
    [InlineData("PIPELINING", "CHUNKING")]
    public async Task Closing_or_hanging_in_the_middle_of_large_content_is_known_not_to_be_delivered(params string[] offer)
    {
        await using var mx = ScriptedMx.StartOffering(offer);
        mx.Close(SmtpStage.Content, times: 1);
        mx.Hang(SmtpStage.Content);
        await using var first = await OpenAsync(mx);
        await using var second = await OpenAsync(mx, HastyAt(SmtpStage.Content));

        var closed = (await first.SendAsync(To("a@x.test"), Large(30_000_000))).Recipients[0];
        var hung = (await second.SendAsync(To("a@x.test"), Large(30_000_000))).Recipients[0];

        Assert.Equal((SmtpRecipientOutcome.Failed, SmtpStage.Content, SmtpFailureKind.Closed), (closed.Outcome, closed.Stage, closed.Failure!.Value));
        Assert.Equal((SmtpRecipientOutcome.Failed, SmtpStage.Content, SmtpFailureKind.TimedOut), (hung.Outcome, hung.Stage, hung.Failure!.Value));
    }

    [Fact]
    public async Task A_reply_too_many_makes_the_session_unusable()
    {
        await using var mx = ScriptedMx.Start();
        mx.Reply(SmtpStage.EndOfData, "250 2.0.0 Ok\n250 2.0.0 Again");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal(SmtpRecipientOutcome.Accepted, result.Recipients[0].Outcome);
        Assert.False(result.SessionUsable);
    }

    [Fact]
    public async Task A_reply_too_many_is_not_taken_for_the_final_one()
    {
        await using var mx = ScriptedMx.Start();
        mx.Reply(SmtpStage.RcptTo, "250 2.1.5 Ok\n250 2.0.0 Queued, or so it seems");
        mx.Reply(SmtpStage.EndOfData, "554 5.7.1 Refused");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal((SmtpRecipientOutcome.Failed, SmtpFailureKind.ProtocolError), (result.Recipients[0].Outcome, result.Recipients[0].Failure!.Value));
    }

    [Fact]
    public async Task A_transcript_tells_what_was_said_without_the_content()
    {
        await using var mx = ScriptedMx.StartOffering("PIPELINING", "ENHANCEDSTATUSCODES");
        mx.ReplyTo("b@x.test", "550-5.1.1 No such\n550 5.1.1 user");
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To("a@x.test", "b@x.test"), Encoding.ASCII.GetBytes("Subject: secret\r\n\r\nsecret\r\n"));

        Assert.Equal(
            ["> MAIL FROM:<bounce@sender.test>", "> RCPT TO:<a@x.test>", "> RCPT TO:<b@x.test>", "> DATA", "< 250 2.1.0 Sender ok", "< 250 2.1.5 Recipient ok",
             "< 550-5.1.1 No such", "< 550 5.1.1 user", "< 354 Go ahead", "> [27 bytes]", "< 250 2.0.0 Ok: queued as 1"],
            result.Transcript.ToString().Split('\n').Select(line => line[7..]));
        Assert.DoesNotContain("secret", result.Transcript.ToString(), StringComparison.Ordinal);
        Assert.Contains("* connecting to mx.test [127.0.0.1]:", session.ConnectTranscript.ToString(), StringComparison.Ordinal);
        Assert.Contains("< 220 mx.test ESMTP", session.ConnectTranscript.ToString(), StringComparison.Ordinal);
        Assert.All(result.Transcript.GetLines(), line => Assert.InRange(line.OffsetMs, 0, 60_000));
    }

    [Fact]
    public async Task A_transcript_is_bounded()
    {
        await using var mx = ScriptedMx.StartOffering();
        mx.Reply(SmtpStage.RcptTo, "250 " + new string('x', 1500));
        await using var session = await OpenAsync(mx);

        var result = await session.SendAsync(To([.. Enumerable.Range(0, 500).Select(i => $"{i}@x.test")]));

        Assert.Equal(SmtpTranscript.MaxLines + 1, result.Transcript.GetLines().Count);
        Assert.All(result.Transcript.GetLines(), line => Assert.InRange(line.Text.Length, 1, SmtpTranscript.MaxLineLength));
    }

    [Fact]
    public async Task The_local_address_is_used_and_one_that_is_not_ours_is_told_from_a_host_that_does_not_answer()
    {
        await using var mx = ScriptedMx.Start("127.0.0.9");
        await using var session = await OpenAsync(mx, Options with { LocalAddress = IPAddress.Parse("127.0.0.77") });
        var foreign = await ConnectAsync(mx.EndPoint, Options with { LocalAddress = IPAddress.Parse("192.0.2.1") });

        Assert.Equal(SmtpRecipientOutcome.Accepted, (await session.SendAsync(To("a@x.test"))).Recipients[0].Outcome);
        Assert.Equal((SmtpStage.Connect, SmtpFailureKind.NoLocalAddress), (foreign.Failure!.Stage, foreign.Failure.Kind));
    }

    private static byte[] Large(int size)
    {
        var content = new byte[size];
        content.AsSpan().Fill((byte)'a');
        "\r\n"u8.CopyTo(content.AsSpan(size - 2));
        return content;
    }
}
