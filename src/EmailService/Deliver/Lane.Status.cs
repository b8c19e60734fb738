using EmailService.Messages;
using EmailService.Platform;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <content>What is told of a lane, and the one thing that may be asked of it.</content>
public sealed partial class Lane
{
    private const int MostAttempts = 50;

    /// <summary>Connections that the lane dares; for a gauge.</summary>
    public int Window
    {
        get
        {
            lock (gate)
            {
                return pace.Window.Size;
            }
        }
    }

    /// <summary>Connections that are open or are being opened; for a gauge.</summary>
    public int Sessions
    {
        get
        {
            lock (gate)
            {
                return SessionsInUse;
            }
        }
    }

    /// <summary>What other nodes must know about its pace; null if there is nothing.</summary>
    public PaceTold? TellPace()
    {
        lock (gate)
        {
            // What rests, or has no connection of this process, takes nothing from other nodes.
            var waiting = connections.Count > 0 && RestsUntil is null ? Waiting : 0;
            return Paced().Tell(SessionsInUse, waiting, context.Time.GetUtcNow());
        }
    }

    /// <summary>Somebody wishes it to be tried now: a rest that began before that ends.</summary>
    public void EndRest(DateTimeOffset wished) => rest.End(wished);

    /// <param name="stores">Outcomes can be stored, and this node holds what it holds.</param>
    /// <param name="avoided">Hosts that did not answer lately.</param>
    public LaneStatus Status(bool stores, IReadOnlyList<AvoidedHost> avoided)
    {
        var now = context.Time.GetUtcNow();
        var restsUntil = RestsUntil;
        IReadOnlyList<(DateTimeOffset At, Outcome Outcome)> outcomes;
        LaneStatus status;
        lock (gate)
        {
            outcomes = record.Outcomes;
            var share = context.Share;
            var situation = new LaneSituation
            {
                Waiting = Waiting,
                Paced = paced,
                Workers = workers,
                WithoutConnection = workers - connections.Count,
                Share = share.Of(pace.Limits.Connections.Value),
                Window = pace.Dared,
                Ceiling = pace.Window.Learned?.Ceiling,
                Allowed = Paced().Connections(share),
                Limits = pace.Limits,
                Rate = pace.RateOfAll(share),
                IsRateLearned = pace.IsRateLearned(share),
                IsResting = restsUntil is not null,
                Stores = stores,
                AllConnections = context.MostConnections,
            };
            status = new LaneStatus
            {
                Lane = Site,
                Domains = record.Domains,
                Waiting = situation.Waiting,
                InHands = Math.Max(0, connections.Count - idle),
                Attempts = [.. connections.Select(c => c.Carries).OfType<AttemptUnderWay>().Take(MostAttempts)],
                Connections = SessionsInUse,
                ConnectionsAllowed = situation.Allowed,
                Window = situation.Window,
                WindowCeiling = situation.Ceiling,
                ConnectionsLimit = new Figure(pace.Limits.Connections.Value, pace.Limits.Connections.Origin),
                RateLimit = new Figure(pace.Limits.MessagesPerSecond.Value, pace.Limits.MessagesPerSecond.Origin),
                Minute = record.Minute(now),
                Hour = record.Hour(now),
                SecondsPerMessage = record.SecondsPerMessage is { } seconds ? Math.Round(seconds, 3) : null,
                LimitedBy = LaneLimiting.Of(situation),
                RestsUntil = restsUntil,
                AvoidedHosts = avoided,
            };
        }

        return status with
        {
            Replies = [.. outcomes.Select(o => new LaneReply(o.At, o.Outcome.Disposition.ToName(), Settling.OneLine(o.Outcome.Reply), o.Outcome.Reply.IsLocal))],
        };
    }
}
