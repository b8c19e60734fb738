using System.Net;
using System.Text;
using EmailService.Deliver;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Sign;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;

namespace EmailService.Tests.Deliver;

public sealed class LaneConnectionTests
{
    private readonly ManualTime time = new();

    [Fact]
    public async Task A_message_over_a_kept_session_has_the_time_of_one_that_has_its_session()
    {
        await using var mx = ScriptedMx.Start();
        using var limit = new ConnectionLimit(ConnectionRules.Of(1), time);
        await using var connection = Connection(await limit.TakeAsync(Answering("mx:one.test"), null, 1, CancellationToken.None));
        var waiting = limit.TakeAsync(Answering("mx:other.test"), null, 1, CancellationToken.None);
        using var first = new CancellationTokenSource();
        Assert.Equal(Disposition.Delivered, (await TryAsync(connection, mx, first)).Disposition);

        // It takes its time over the second, which others that answer have to wait for.
        mx.Hang(SmtpStage.MailFrom);
        using var second = new CancellationTokenSource();
        var under = TryAsync(connection, mx, second);
        await Wait.UntilAsync(() => mx.Commands.Count(c => c.StartsWith("MAIL", StringComparison.Ordinal)) == 2, "the second message is under way");
        time.Advance(TimeSpan.FromMinutes(1));

        Assert.False(second.IsCancellationRequested);
        Assert.False(waiting.IsCompleted);
        await second.CancelAsync();
        Assert.Equal(Disposition.Deferred, (await under).Disposition);
        Assert.Equal(1, mx.ConnectionCount);
    }

    [Fact]
    public async Task A_connection_that_could_not_even_be_tried_does_not_count_as_one()
    {
        await using var mx = ScriptedMx.Start();
        using var limit = new ConnectionLimit(ConnectionRules.Of(1), time);
        var dialer = new Throwing(new SmtpDialer(TimeProvider.System)) { IsBroken = true };
        await using var connection = Connection(await limit.TakeAsync(Answering("mx:one.test"), null, 1, CancellationToken.None), dialer);
        using var attempt = new CancellationTokenSource();

        await Assert.ThrowsAsync<InsufficientMemoryException>(() => TryAsync(connection, mx, attempt));
        Assert.False(connection.IsInUse);

        dialer.IsBroken = false;
        Assert.Equal(Disposition.Delivered, (await TryAsync(connection, mx, attempt)).Disposition);
        Assert.True(connection.IsInUse);
    }

    /// <summary>A machine without memory for a moment.</summary>
    private sealed class Throwing(ISmtpDialer inner) : ISmtpDialer
    {
        public bool IsBroken { get; set; }

        public Task<(ISmtpSession? Session, SmtpConnectFailure? Failure, string Transcript)> ConnectAsync(
            IPEndPoint endPoint, string hostName, SmtpTlsPolicy tls, SmtpClientOptions options, CancellationToken cancellation) =>
            IsBroken ? throw new InsufficientMemoryException() : inner.ConnectAsync(endPoint, hostName, tls, options, cancellation);
    }

    private LaneConnection Connection(ConnectionPermit permit, ISmtpDialer? dialer = null) => new(
        dialer ?? new SmtpDialer(TimeProvider.System), new SmtpClientOptions { HelloName = "sender.test" }, new EgressSource("default", "sender.test"),
        new LaneLimits
        {
            Connections = new(1, "test"),
            MessagesPerConnection = new(100, "test"),
            MessagesPerSecond = new(0, "test"),
            IdleTimeout = new(TimeSpan.FromMinutes(1), "test"),
        },
        permit, time, _ => { });

    private async Task<Outcome> TryAsync(LaneConnection connection, ScriptedMx mx, CancellationTokenSource attempt)
    {
        connection.BeginAttempt(attempt, time.GetTimestamp());
        var content = new SignedMessage([Encoding.ASCII.GetBytes("Subject: a\r\n\r\nb\r\n")], "shop.test", "bounces@shop.test", time.GetUtcNow());
        var tried = await connection.TryAsync(
            new MailHost("mx.test", mx.EndPoint.Port), mx.EndPoint, new TlsDecision.Use(SmtpTlsPolicy.None, "test"), "mail.test",
            new SmtpEnvelope("bounces@shop.test", ["anna@mail.test"]), content, new ExtensionMemory(time), () => ValueTask.FromResult(true), attempt.Token);
        connection.EndAttempt();
        return tried!.Value.Outcome;
    }

    private SiteStanding Answering(string name)
    {
        var site = new SiteStanding(name);
        site.Note(PaceSignal.Answered, false, TimeSpan.Zero, time.GetUtcNow());
        return site;
    }
}
