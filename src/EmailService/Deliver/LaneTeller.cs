using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>Tells all nodes, every two seconds, what this one's lanes do, and hears which lanes somebody wants to be tried now.
/// When it fails the picture is old.</summary>
public sealed partial class LaneTeller(
    LaneDirectory lanes, Hand hand, HostMemory hosts, LaneStatusStore store, StoreHealth health, INode node, OutboxOptions outbox,
    DeliverOptions options, ILogger<LaneTeller> logger) : NodeTeller<string>(node, TimeSpan.FromSeconds(1))
{
    /// <summary>Of more lanes only the busiest are told; those that left the memory within the hour come last.</summary>
    private const int MostLanes = 500;

    private const int RoundsBetweenTelling = 2;

    private NodeStatus? toldOfNode;

    protected override async Task TellAsync(int round, CancellationToken cancellationToken)
    {
        if (round % RoundsBetweenTelling == 0)
        {
            await TellAsync(cancellationToken);
        }

        await HearAsync(cancellationToken);
    }

    protected override Task ForgetDeadAsync(CancellationToken cancellationToken) => store.ForgetDeadAsync(Node.NodeId, cancellationToken);

    protected override Task ForgetAsync(CancellationToken cancellationToken) => store.ForgetAsync(Node.NodeId, cancellationToken);

    /// <summary>Writes what changed since the last time, if anything did.</summary>
    private async Task TellAsync(CancellationToken cancellationToken)
    {
        var all = lanes.All();
        var stores = health.IsHealthy && Node.IsAlive;
        var avoided = hosts.Avoided();
        var now = all.OrderByDescending(l => l.Waiting + l.Workers).Concat(lanes.Past()).DistinctBy(l => l.Key).Take(MostLanes)
            .ToDictionary(l => l.Key, l => LaneStatusStore.Write(l.Status(stores, [.. avoided[l.Site]])));
        var (changed, gone) = SinceTold(now);
        var ofNode = new NodeStatus
        {
            InHand = hand.Count,
            InHandLimit = outbox.ReadyRecipients,
            HasRoom = hand.RoomToClaimOfAny(MailStream.Transactional) > 0,
            Connections = all.Sum(l => l.Workers),
            ConnectionsLimit = options.Connections,
            Stores = stores,
            Lanes = all.Count,
            LanesTold = Math.Min(all.Count, MostLanes),
        };
        if (changed.Count == 0 && gone.Count == 0 && ofNode == toldOfNode && !TellsAll)
        {
            return;
        }

        await store.TellAsync(Node.NodeId, ofNode, changed, gone, cancellationToken);
        SetTold(changed, gone);
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
    protected override partial void LogNotTold(string problem);
}
