using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Faults_in_each_phase
{
    private static readonly string[][] Offers =
    [
        [],
        ["PIPELINING"],
        ["CHUNKING"],
        ["PIPELINING", "CHUNKING"],
    ];

    public static TheoryData<SmtpStage, string, MxPacing> ConnectRefusals()
    {
        var data = new TheoryData<SmtpStage, string, MxPacing>();
        foreach (var stage in new[] { SmtpStage.Greeting, SmtpStage.Hello, SmtpStage.StartTls })
        {
            foreach (var reply in new[] { "450 4.3.2 Later", "554 5.7.1 Go away", "421 4.3.2 Shutting down" })
            {
                foreach (var pacing in Enum.GetValues<MxPacing>())
                {
                    data.Add(stage, reply, pacing);
                }
            }
        }

        return data;
    }

    public static TheoryData<SmtpStage, string, int, MxPacing> SendRefusals()
    {
        var data = new TheoryData<SmtpStage, string, int, MxPacing>();
        foreach (var stage in new[] { SmtpStage.MailFrom, SmtpStage.RcptTo, SmtpStage.Data, SmtpStage.EndOfData })
        {
            for (var offer = 0; offer < Offers.Length; offer++)
            {
                if (stage == SmtpStage.Data && Offers[offer].Contains("CHUNKING"))
                {
                    continue;
                }

                foreach (var reply in new[] { "451 4.3.0 Later", "550-5.1.1 No\n550 5.1.1 really", "421 4.3.2 Shutting down" })
                {
                    data.Add(stage, reply, offer, (MxPacing)(offer % 3));
                }
            }
        }

        return data;
    }

    public static TheoryData<SmtpStage, int> SendStages()
    {
        var data = new TheoryData<SmtpStage, int>();
        foreach (var stage in new[] { SmtpStage.MailFrom, SmtpStage.RcptTo, SmtpStage.Data, SmtpStage.EndOfData })
        {
            for (var offer = 0; offer < Offers.Length; offer++)
            {
                if (stage != SmtpStage.Data || !Offers[offer].Contains("CHUNKING"))
                {
                    data.Add(stage, offer);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(ConnectRefusals))]
    public async Task A_refusal_before_the_session_is_ready_is_a_value(SmtpStage stage, string reply, MxPacing pacing)
    {
        await using var mx = ScriptedMx.Start();
        mx.Pacing = pacing;
        mx.BreaksTls = true;
        mx.Reply(stage, reply);

        var result = await ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Opportunistic);

        Assert.Null(result.Session);
        Assert.Equal(stage, result.Failure!.Stage);
        Assert.Equal(SmtpFailureKind.Refused, result.Failure.Kind);
        Assert.Equal(reply, result.Failure.Reply!.ToString());
        Assert.False(result.Failure.Reply.IsLocal);
    }

    [Theory]
    [InlineData(SmtpStage.Greeting)]
    [InlineData(SmtpStage.Hello)]
    [InlineData(SmtpStage.StartTls)]
    public async Task A_host_that_hangs_before_the_session_is_ready_times_out(SmtpStage stage)
    {
        await using var mx = ScriptedMx.Start();
        mx.BreaksTls = true;
        mx.Hang(stage);

        var result = await ConnectAsync(mx.EndPoint, HastyAt(stage), SmtpTlsMode.Opportunistic);

        Assert.Equal((stage, SmtpFailureKind.TimedOut), (result.Failure!.Stage, result.Failure.Kind));
    }

    [Theory]
    [InlineData(SmtpStage.Greeting)]
    [InlineData(SmtpStage.Hello)]
    [InlineData(SmtpStage.StartTls)]
    public async Task A_host_that_closes_before_the_session_is_ready_is_closed(SmtpStage stage)
    {
        await using var mx = ScriptedMx.Start();
        mx.BreaksTls = true;
        mx.Close(stage);

        var result = await ConnectAsync(mx.EndPoint, tls: SmtpTlsMode.Opportunistic);

        Assert.Equal(SmtpFailureKind.Closed, result.Failure!.Kind);
        Assert.Equal(stage, result.Failure.Stage);
    }

    [Fact]
    public async Task A_host_that_resets_at_once_is_a_value_wherever_the_reset_is_noticed()
    {
        await using var mx = ScriptedMx.Start();
        mx.Close(SmtpStage.Connect);

        var result = await ConnectAsync(mx.EndPoint);

        Assert.True(
            (result.Failure!.Stage, result.Failure.Kind) is (SmtpStage.Connect, SmtpFailureKind.ConnectFailed) or (SmtpStage.Greeting, SmtpFailureKind.Closed),
            result.Failure.ToString());
    }

    [Fact]
    public async Task A_port_where_nobody_listens_is_connect_failed()
    {
        await using var mx = ScriptedMx.Start();
        mx.RefuseConnections();

        var result = await ConnectAsync(mx.EndPoint);

        Assert.Equal((SmtpStage.Connect, SmtpFailureKind.ConnectFailed), (result.Failure!.Stage, result.Failure.Kind));
        Assert.Equal("ConnectionRefused", result.Failure.Detail);
    }

    [Theory]
    [MemberData(nameof(SendRefusals))]
    public async Task A_refusal_reaches_every_recipient_that_it_concerns(SmtpStage stage, string reply, int offer, MxPacing pacing)
    {
        await using var mx = ScriptedMx.StartOffering(Offers[offer]);
        mx.Pacing = pacing;
        await using var session = await OpenAsync(mx);
        mx.Reply(stage, reply, times: stage == SmtpStage.RcptTo ? 2 : 1);

        var result = await session.SendAsync(To("a@x.test", "b@x.test"));

        Assert.Equal(["a@x.test", "b@x.test"], result.Recipients.Select(r => r.ForwardPath));
        Assert.All(result.Recipients, r =>
        {
            Assert.Equal(SmtpRecipientOutcome.Refused, r.Outcome);
            Assert.Equal(SmtpFailureKind.Refused, r.Failure);
            Assert.Equal(stage, r.Stage);
            Assert.Equal(reply[..3], r.Reply!.Code.ToString(System.Globalization.CultureInfo.InvariantCulture));
        });
        Assert.Empty(mx.Messages);

        // A 421 ends the session; after anything else the next message goes through on it.
        Assert.Equal(!reply.StartsWith("421", StringComparison.Ordinal), result.SessionUsable);
        if (result.SessionUsable)
        {
            mx.ClearScript();
            var next = await session.SendAsync(To("c@x.test"));
            Assert.Equal(SmtpRecipientOutcome.Accepted, Assert.Single(next.Recipients).Outcome);
            Assert.Equal("c@x.test", Assert.Single(Assert.Single(mx.Messages).ForwardPaths));
        }
    }

    [Theory]
    [MemberData(nameof(SendStages))]
    public async Task A_host_that_closes_leaves_the_outcome_unknown_only_after_the_end_of_data(SmtpStage stage, int offer)
    {
        await using var mx = ScriptedMx.StartOffering(Offers[offer]);
        await using var session = await OpenAsync(mx);
        mx.Close(stage);

        var result = await session.SendAsync(To("a@x.test", "b@x.test"));

        var expected = stage == SmtpStage.EndOfData ? SmtpRecipientOutcome.Unknown : SmtpRecipientOutcome.Failed;
        Assert.All(result.Recipients, r => Assert.Equal((expected, stage, SmtpFailureKind.Closed), (r.Outcome, r.Stage, r.Failure!.Value)));
        Assert.False(result.SessionUsable);
        Assert.False(session.IsUsable);
        Assert.False(result.SessionWasStale);
    }

    [Theory]
    [MemberData(nameof(SendStages))]
    public async Task A_host_that_hangs_leaves_the_outcome_unknown_only_after_the_end_of_data(SmtpStage stage, int offer)
    {
        await using var mx = ScriptedMx.StartOffering(Offers[offer]);
        await using var session = await OpenAsync(mx, HastyAt(stage));
        mx.Hang(stage);

        var result = await session.SendAsync(To("a@x.test"));

        var expected = stage == SmtpStage.EndOfData ? SmtpRecipientOutcome.Unknown : SmtpRecipientOutcome.Failed;
        var only = Assert.Single(result.Recipients);
        Assert.Equal((expected, stage, SmtpFailureKind.TimedOut), (only.Outcome, only.Stage, only.Failure!.Value));
        Assert.False(result.SessionUsable);
    }

    [Theory]
    [InlineData(SmtpStage.Greeting)]
    [InlineData(SmtpStage.Hello)]
    [InlineData(SmtpStage.MailFrom)]
    [InlineData(SmtpStage.EndOfData)]
    public async Task A_reply_that_trickles_is_bounded_by_the_deadline_of_its_phase(SmtpStage stage)
    {
        await using var mx = ScriptedMx.Start();
        mx.Reply(stage, "250 " + new string('x', 400));
        var options = HastyAt(stage);
        if (stage < SmtpStage.MailFrom)
        {
            Trickle();
        }

        var connected = await ConnectAsync(mx.EndPoint, options);
        Trickle();
        if (connected.IsConnected)
        {
            await using var session = connected.Session;
            var result = await session.SendAsync(To("a@x.test"));
            Assert.Equal((stage, SmtpFailureKind.TimedOut), (result.Recipients[0].Stage, result.Recipients[0].Failure!.Value));
        }
        else
        {
            Assert.Equal((stage, SmtpFailureKind.TimedOut), (connected.Failure.Stage, connected.Failure.Kind));
        }

        void Trickle()
        {
            mx.Pacing = MxPacing.ByteByByte;
            mx.PieceDelay = TimeSpan.FromMilliseconds(5);
        }
    }

    [Theory]
    [InlineData(SmtpStage.Greeting)]
    [InlineData(SmtpStage.Hello)]
    public async Task A_huge_reply_is_a_protocol_error_and_not_read_to_its_end(SmtpStage stage)
    {
        await using var mx = ScriptedMx.Start();
        mx.ReplyHugely(stage, 100_000);

        var result = await ConnectAsync(mx.EndPoint);

        Assert.Equal((stage, SmtpFailureKind.ProtocolError), (result.Failure!.Stage, result.Failure.Kind));
    }

    [Fact]
    public async Task A_huge_reply_after_the_end_of_data_leaves_the_outcome_unknown()
    {
        await using var mx = ScriptedMx.Start();
        await using var session = await OpenAsync(mx);
        mx.ReplyHugely(SmtpStage.EndOfData, 100_000);

        var result = await session.SendAsync(To("a@x.test"));

        Assert.Equal((SmtpRecipientOutcome.Unknown, SmtpFailureKind.ProtocolError), (result.Recipients[0].Outcome, result.Recipients[0].Failure!.Value));
    }
}
