using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>A host that offers what it can't do is told from one that would not have the message, and what became of the message is never guessed.</summary>
public sealed class Offered_and_not_kept
{
    [Theory]
    // BDAT as such.
    [InlineData("502 5.5.1 Command not implemented", SmtpExtensions.Chunking)]
    [InlineData("500 5.5.2 Unrecognized command", SmtpExtensions.Chunking)]
    [InlineData("500 What?", SmtpExtensions.Chunking)]
    [InlineData("501 5.5.4 Syntax: BDAT count [LAST]", SmtpExtensions.Chunking)]
    [InlineData("502 5.3.3 Not capable of selected features", SmtpExtensions.Chunking)]
    [InlineData("503 5.5.1 Bad sequence of commands", SmtpExtensions.Chunking)]
    [InlineData("503 BDAT not allowed here", SmtpExtensions.Chunking)]
    [InlineData("504 5.5.4 Not here", SmtpExtensions.Chunking)]
    [InlineData("500-5.5.2 What\n500 5.5.2 is that?", SmtpExtensions.Chunking)]
    // The message.
    [InlineData("501 5.6.0 Bad header", SmtpExtensions.None)]
    [InlineData("500 5.7.1 Spam", SmtpExtensions.None)]
    [InlineData("550 5.7.1 Blocked", SmtpExtensions.None)]
    [InlineData("554 5.6.0 Malformed", SmtpExtensions.None)]
    [InlineData("552 5.3.4 Too large", SmtpExtensions.None)]
    [InlineData("451 4.3.0 Later", SmtpExtensions.None)]
    [InlineData("421 4.3.2 Closing", SmtpExtensions.None)]
    public async Task A_refusal_of_BDAT_is_told_from_one_of_the_message(string reply, SmtpExtensions suspect)
    {
        foreach (var pacing in new[] { MxPacing.Whole, MxPacing.ByteByByte })
        {
            foreach (var readsChunk in new[] { true, false })
            {
                await using var mx = ScriptedMx.Start();
                mx.Pacing = pacing;
                mx.AtBdat = reply;
                mx.ReadsChunksItRefuses = readsChunk;
                await using var session = await OpenAsync(mx);

                var result = await session.SendAsync(To("a@x.test"));

                Assert.Equal((SmtpRecipientOutcome.Refused, suspect), (result.Recipients[0].Outcome, result.Suspect));
                Assert.True(suspect == SmtpExtensions.None || !result.SessionUsable);
                Assert.Empty(mx.Messages);
            }
        }
    }

    [Theory]
    [InlineData("hang", 37)]
    [InlineData("close", 37)]
    public async Task Silence_after_the_last_chunk_is_unknown_and_makes_BDAT_suspect(string fault, int size)
    {
        await using var mx = ScriptedMx.Start();
        mx.AtBdat = fault;
        mx.ReadsChunksItRefuses = true;
        await using var session = await OpenAsync(mx, fault == "hang" ? HastyAt(SmtpStage.EndOfData) : Options);

        var result = await session.SendAsync(To("a@x.test"), Content(size));

        Assert.Equal((SmtpRecipientOutcome.Unknown, SmtpExtensions.Chunking), (result.Recipients[0].Outcome, result.Suspect));
    }

    [Theory]
    [InlineData("hang")]
    [InlineData("close")]
    public async Task Silence_before_the_end_of_the_last_chunk_is_certainly_not_delivered(string fault)
    {
        await using var mx = ScriptedMx.Start();
        mx.AtBdat = fault;
        await using var session = await OpenAsync(mx, fault == "hang" ? HastyAt(SmtpStage.Content) : Options);

        var result = await session.SendAsync(To("a@x.test"), Content(30_000_000));

        Assert.Equal((SmtpRecipientOutcome.Failed, SmtpStage.Content), (result.Recipients[0].Outcome, result.Recipients[0].Stage));
        Assert.Equal(SmtpExtensions.Chunking, result.Suspect);
    }

    [Fact]
    public async Task A_host_that_took_a_chunk_before_is_not_suspect_when_it_closes()
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);
        await session.SendAsync(To("a@x.test"));
        mx.AtBdat = "close";
        mx.ReadsChunksItRefuses = true;

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal((SmtpRecipientOutcome.Unknown, SmtpExtensions.None), (result.Recipients[0].Outcome, result.Suspect));
    }

    [Theory]
    [InlineData("lose", SmtpRecipientOutcome.Failed, SmtpExtensions.Pipelining)]
    [InlineData("hang", SmtpRecipientOutcome.Failed, SmtpExtensions.Pipelining)]
    [InlineData("close", SmtpRecipientOutcome.Failed, SmtpExtensions.Pipelining)]
    [InlineData("503 5.5.1 Bad sequence of commands", SmtpRecipientOutcome.Refused, SmtpExtensions.Pipelining)]
    [InlineData("503 Need MAIL", SmtpRecipientOutcome.Refused, SmtpExtensions.Pipelining)]
    [InlineData("500 5.5.2 Unrecognized command", SmtpRecipientOutcome.Refused, SmtpExtensions.Pipelining)]
    [InlineData("503 5.5.0 Improper use of SMTP command pipelining", SmtpRecipientOutcome.Refused, SmtpExtensions.Pipelining)]
    [InlineData("554 SMTP synchronization error", SmtpRecipientOutcome.Refused, SmtpExtensions.Pipelining)]
    [InlineData("354 Out of step", SmtpRecipientOutcome.Failed, SmtpExtensions.Pipelining)]
    [InlineData("550 5.1.1 No such user", SmtpRecipientOutcome.Refused, SmtpExtensions.None)]
    [InlineData("501 5.1.3 Bad address", SmtpRecipientOutcome.Refused, SmtpExtensions.None)]
    [InlineData("504 5.5.2 need fully-qualified address", SmtpRecipientOutcome.Refused, SmtpExtensions.None)]
    [InlineData("450 4.2.0 Greylisted", SmtpRecipientOutcome.Refused, SmtpExtensions.None)]
    [InlineData("421 4.7.0 Too busy", SmtpRecipientOutcome.Refused, SmtpExtensions.None)]
    public async Task A_group_that_got_lost_is_told_from_a_refusal(string fault, SmtpRecipientOutcome outcome, SmtpExtensions suspect)
    {
        foreach (var offer in new[] { new[] { "PIPELINING" }, ["PIPELINING", "CHUNKING"] })
        {
            await using var mx = ScriptedMx.StartOffering(offer);
            mx.AtGroups = fault;
            await using var session = await OpenAsync(mx, fault is "lose" or "hang" ? HastyAt(SmtpStage.RcptTo) : Options);

            var result = await session.SendAsync(To("a@x.test"));

            Assert.Equal((outcome, suspect), (result.Recipients[0].Outcome, result.Suspect));
            Assert.Empty(mx.Messages);
        }
    }

    [Fact]
    public async Task Nothing_of_a_host_that_offers_nothing_is_suspect()
    {
        await using var mx = ScriptedMx.StartOffering();
        mx.Close(SmtpStage.RcptTo, times: 1);
        mx.Reply(SmtpStage.RcptTo, "503 5.5.1 Bad sequence", times: 1);
        await using var first = await OpenAsync(mx);
        await using var second = await OpenAsync(mx);

        Assert.Equal(SmtpExtensions.None, (await first.SendAsync(To("a@x.test"))).Suspect);
        Assert.Equal(SmtpExtensions.None, (await second.SendAsync(To("a@x.test"))).Suspect);
    }

    [Fact]
    public async Task What_is_left_unused_is_not_used()
    {
        await using var mx = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        var options = Options with { Without = SmtpExtensions.Chunking | SmtpExtensions.Pipelining | SmtpExtensions.SmtpUtf8 | SmtpExtensions.StartTls };
        await using var session = await OpenAsync(mx, options, SmtpTlsMode.Opportunistic);
        await using var policed = await OpenAsync(mx, options, SmtpTlsMode.Required);

        var result = await session.SendAsync(To("a@x.test", "ж@x.test"));

        Assert.Equal([SmtpRecipientOutcome.Accepted, SmtpRecipientOutcome.Refused], result.Recipients.Select(r => r.Outcome));
        Assert.Equal("553 5.6.7 The recipient's address is not ASCII, SMTPUTF8 is switched off for the host", result.Recipients[1].Reply!.ToString());
        Assert.False(Assert.Single(mx.Messages).IsChunked);
        Assert.Null(session.Tls);
        Assert.NotNull(policed.Tls);
        Assert.Equal(options.Without, session.Capabilities.LeftUnused);
    }

    [Theory]
    [InlineData("SIZE", true, 0)]
    [InlineData("SIZE 0", true, 0)]
    [InlineData("size 1000", true, 1000)]
    [InlineData("SIZE=1000", true, 1000)]
    [InlineData("SIZE 99999999999999999999", true, 0)]
    [InlineData("SIZE 999999999999999999999", false, 0)]
    [InlineData("SIZE 10MB", false, 0)]
    [InlineData("SIZE -1", false, 0)]
    [InlineData("SIZE +1", false, 0)]
    [InlineData("SIZE 1,000", false, 0)]
    [InlineData("SIZE 0x10", false, 0)]
    [InlineData("SIZE 10 20", false, 0)]
    [InlineData("SIZE unlimited", false, 0)]
    [InlineData("SIZE ١٢", false, 0)]
    public async Task SIZE_with_garbage_is_no_SIZE(string offer, bool isSize, long most)
    {
        await using var mx = ScriptedMx.StartOffering(offer);
        await using var session = await OpenAsync(mx);

        await session.SendAsync(To("a@x.test"), new byte[20]);

        Assert.Equal((isSize, most), (session.Capabilities.Size, session.Capabilities.MaxSize));
        Assert.Equal(isSize, Assert.Single(mx.Messages).Mail.Contains("SIZE=", StringComparison.Ordinal));
    }

    private static byte[] Content(int size)
    {
        var content = new byte[size];
        content.AsSpan().Fill((byte)'a');
        "\r\n"u8.CopyTo(content.AsSpan(size - 2));
        return content;
    }
}
