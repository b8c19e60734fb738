using System.Net;
using EmailService.Deliver;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Simulation;

/// <summary>One node's way to the mail hosts.</summary>
internal sealed class SimDialer(SimNet net, SimNode node, SimClock world, Truth truth) : ISmtpDialer
{
    private readonly HashSet<SimSession> sessions = [];

    public Task<(ISmtpSession? Session, SmtpConnectFailure? Failure, string Transcript)> ConnectAsync(
        IPEndPoint endPoint, string hostName, SmtpTlsPolicy tls, SmtpClientOptions options, CancellationToken cancellation)
    {
        var site = net.SiteOf(endPoint);
        var done = new TaskCompletionSource<(ISmtpSession?, SmtpConnectFailure?, string)>();
        if (node.Clock.IsDead)
        {
            return done.Task;
        }

        site.Dialled.Add(world.Now);
        SimSession? opening = null;
        CancellationTokenRegistration aborted = default;
        aborted = cancellation.Register(() => Fail(SmtpStage.Connect, SmtpFailureKind.Aborted));
        var dice = site.Random;
        if (site.Outage is { } outage)
        {
            switch (outage)
            {
                case SimOutage.Refuses:
                    After(site.RoundTrip, () => Fail(SmtpStage.Connect, SmtpFailureKind.ConnectFailed));
                    break;
                case SimOutage.Silent:
                    After(options.ConnectTimeout, () => Fail(SmtpStage.Connect, SmtpFailureKind.TimedOut));
                    break;
                case SimOutage.Mute:
                    After(options.GreetingTimeout, () => Fail(SmtpStage.Greeting, SmtpFailureKind.TimedOut));
                    break;
                case SimOutage.Busy:
                    After(site.RoundTrip * 2, () => Refuse("come back later"));
                    break;
            }
        }
        else if (site.Open >= site.MostSessions)
        {
            After(site.RoundTrip * 2, () => Refuse("too many connections"));
        }
        else if (dice.NextDouble() < site.Breaks)
        {
            var stage = dice.Next(3) switch { 0 => SmtpStage.Connect, 1 => SmtpStage.Greeting, _ => SmtpStage.Hello };
            After(site.RoundTrip * 2, () => Fail(stage, SmtpFailureKind.Closed));
        }
        else
        {
            var session = new SimSession(site, node, world, truth, endPoint, options.FinalReplyTimeout, s => sessions.Remove(s));
            site.Open++;
            site.MostOpen = Math.Max(site.MostOpen, site.Open);
            sessions.Add(session);
            net.Opened(site);
            opening = session;
            After((site.RoundTrip * 3) + (site.Tarpit * 2), () =>
            {
                aborted.Dispose();
                if (!done.TrySetResult((session, null, "")))
                {
                    session.Close();
                }
            });
        }

        return done.Task;

        void After(TimeSpan delay, Action action) => world.After(delay, () => node.Clock.Pass(action));

        void Fail(SmtpStage stage, SmtpFailureKind kind, SmtpReply? reply = null)
        {
            aborted.Dispose();
            opening?.Close();
            done.TrySetResult((null, new SmtpConnectFailure(stage, kind, reply), ""));
        }

        void Refuse(string text) => Fail(SmtpStage.Greeting, SmtpFailureKind.Refused, new SmtpReply(421, new EnhancedStatusCode(4, 7, 0), text));
    }

    /// <summary>The node is dead, and its connections with it.</summary>
    public void Forsake()
    {
        foreach (var session in sessions.ToList())
        {
            session.Forsake();
        }
    }
}
