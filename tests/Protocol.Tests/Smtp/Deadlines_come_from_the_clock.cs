using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using static EmailService.Protocol.Tests.Smtp.SmtpTestSession;

namespace EmailService.Protocol.Tests.Smtp;

public sealed class Deadlines_come_from_the_clock
{
    [Fact]
    public async Task The_final_reply_is_awaited_ten_minutes_and_no_longer()
    {
        await using var mx = ScriptedMx.Start();
        var clock = new HandClock();
        var connected = await SmtpClientSession.ConnectAsync(mx.EndPoint, "mx.test", SmtpTlsMode.None, Options, clock, default);
        await using var session = connected.Session!;
        mx.HoldFinalReplies();

        var sending = session.SendAsync(To("a@x.test"));
        await mx.WaitForMessagesAsync(1);
        while (clock.Due != TimeSpan.FromMinutes(10))
        {
            await Task.Yield();
        }

        Assert.False(sending.IsCompleted);
        clock.Fire();

        var only = (await sending).Recipients[0];
        Assert.Equal((SmtpRecipientOutcome.Unknown, SmtpStage.EndOfData, SmtpFailureKind.TimedOut), (only.Outcome, only.Stage, only.Failure!.Value));
    }

    /// <summary>A clock with one timer, which goes off by hand; there is only one in a session.</summary>
    private sealed class HandClock : TimeProvider, ITimer
    {
        private TimerCallback? _callback;
        private object? _state;

        public TimeSpan Due { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Assert.Null(_callback);
            (_callback, _state, Due) = (callback, state, dueTime);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Due = dueTime;
            return true;
        }

        public void Fire() => _callback!(_state);

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
