using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>Tells all nodes, every two seconds, what this one's lanes do, and hears which lanes somebody wants to be tried now.
/// Beside the way of the mail: when it fails, mail goes on and the picture is old.</summary>
public sealed partial class LaneTeller(
    LaneDirectory lanes, Hand hand, HostMemory hosts, LaneStatusStore store, StoreHealth health, INode node, OutboxOptions outbox,
    DeliverOptions options, ILogger<LaneTeller> logger) : BackgroundService
{
    /// <summary>Of more lanes only the busiest are told.</summary>
    internal const int MostLanes = 500;

    // By the clock of the heartbeat.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private const int RoundsBetweenTelling = 2;
    private const int RoundsBetweenForgetting = 30;

    private readonly Dictionary<string, string> told = [];
    private NodeStatus? toldOfNode;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var round = 0; !stoppingToken.IsCancellationRequested; round++)
        {
            try
            {
                if (round % RoundsBetweenForgetting == 0)
                {
                    await store.ForgetDeadAsync(node.NodeId, stoppingToken);
                }

                if (round % RoundsBetweenTelling == 0)
                {
                    await TellAsync(stoppingToken);
                }

                await HearAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                // What was written is not known; all of it is told again.
                told.Clear();
                toldOfNode = null;
                LogNotTold(exception.Message);
            }

            await Task.Delay(Interval, node.Clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await store.ForgetAsync(node.NodeId, cancellationToken);
        }
        catch (Exception exception)
        {
            // Others know by the node's end that it says nothing any more.
            LogNotTold(exception.Message);
        }
    }

    /// <summary>Writes what changed since the last time, if anything did.</summary>
    internal async Task TellAsync(CancellationToken cancellationToken)
    {
        var all = lanes.All();
        var stores = health.IsHealthy && node.IsAlive;
        var avoided = hosts.Avoided();
        var now = all.OrderByDescending(l => l.Waiting + l.Workers).Take(MostLanes)
            .ToDictionary(l => l.Key, l => LaneStatusStore.Write(l.Status(stores, [.. avoided[l.Site]])));
        var changed = now.Where(l => told.GetValueOrDefault(l.Key) != l.Value).Select(l => (l.Key, l.Value)).ToList();
        var gone = told.Keys.Where(lane => !now.ContainsKey(lane)).ToList();
        var ofNode = new NodeStatus
        {
            InHand = hand.Count,
            InHandLimit = outbox.ReadyRecipients,
            HasRoom = hand.RoomOf(MailStream.Transactional) > 0 && hand.RoomForOctets(MailStream.Transactional) >= outbox.ReadyOctets / 8,
            Connections = all.Sum(l => l.Workers),
            ConnectionsLimit = options.Connections,
            Stores = stores,
            Lanes = all.Count,
            LanesTold = now.Count,
        };
        if (changed.Count == 0 && gone.Count == 0 && ofNode == toldOfNode)
        {
            return;
        }

        await store.TellAsync(node.NodeId, ofNode, changed, gone, cancellationToken);
        gone.ForEach(lane => told.Remove(lane));
        changed.ForEach(lane => told[lane.Key] = lane.Value);
        toldOfNode = ofNode;
    }

    private async Task HearAsync(CancellationToken cancellationToken)
    {
        foreach (var (lane, at) in await store.WakesAsync(cancellationToken))
        {
            lanes.EndRest(hand.SiteOf(lane), at);
        }
    }

    [LoggerMessage(3032, LogLevel.Debug, "What the lanes do could not be told, or what is wished of them not be heard: {Problem}")]
    private partial void LogNotTold(string problem);
}
