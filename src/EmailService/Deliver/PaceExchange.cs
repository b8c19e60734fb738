using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>Tells the other nodes twice a second what this one learned about the pace of its lanes, and hears what they learned: a site that
/// has had too many counts what comes from all of them. Nothing is said about lanes that were never refused, nor by a node that is alone; who
/// has nothing to say listens every five seconds. When it fails each node goes by what it knows.</summary>
public sealed partial class PaceExchange(
    LaneDirectory lanes, HeardPaces heard, IPaceStore store, INode node, ILogger<PaceExchange> logger) : NodeTeller<PaceTold>(node, Interval)
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);

    private const int RoundsBetweenListening = 10;

    protected override async Task TellAsync(int round, CancellationToken cancellationToken)
    {
        var now = Paces();
        if (now.Count > 0 || HasTold || !heard.IsEmpty || (round % RoundsBetweenListening == 0 && !IsAlone))
        {
            await ExchangeAsync(now, cancellationToken);
        }
    }

    protected override Task ForgetDeadAsync(CancellationToken cancellationToken) => store.ForgetDeadAsync(Node.NodeId, cancellationToken);

    protected override Task ForgetAsync(CancellationToken cancellationToken) => store.ForgetAsync(Node.NodeId, cancellationToken);

    private bool IsAlone => Node.Share.Nodes == 1;

    /// <summary>What there is to say.</summary>
    private Dictionary<string, PaceTold> Paces()
    {
        var paces = new Dictionary<string, PaceTold>();
        foreach (var lane in IsAlone ? [] : lanes.All())
        {
            if (lane.TellPace() is { } pace)
            {
                paces[lane.Key] = pace;
            }
        }

        return paces;
    }

    private async Task ExchangeAsync(Dictionary<string, PaceTold> now, CancellationToken cancellationToken)
    {
        var (changed, gone) = SinceTold(now);
        heard.Set(await store.ExchangeAsync(Node.NodeId, changed, gone, cancellationToken));
        SetTold(changed, gone);
    }

    [LoggerMessage(3033, LogLevel.Debug, "What was learned about the pace of lanes could not be exchanged with other nodes: {Problem}")]
    protected override partial void LogNotTold(string problem);
}
