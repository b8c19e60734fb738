using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>Tells the other nodes every second what this one learned about the pace of its lanes, and hears what they learned: a site that
/// has had too many counts what comes from all of them. Nothing is said about lanes that were never refused, nor by a node that is alone; who
/// has nothing to say listens every five seconds. When it fails each node goes by what it knows.</summary>
public sealed partial class PaceExchange(
    LaneDirectory lanes, HeardPaces heard, IPaceStore store, INode node, ILogger<PaceExchange> logger) : BackgroundService
{
    // By the clock of the heartbeat.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private const int RoundsBetweenListening = 5;
    private const int RoundsBetweenForgetting = 30;

    private readonly Dictionary<string, PaceTold> told = [];
    private bool tellsAll;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var round = 0; !stoppingToken.IsCancellationRequested; round++)
        {
            try
            {
                if (round % RoundsBetweenForgetting == 0)
                {
                    // Others may have done the same to this node, if it was silent for long.
                    tellsAll = true;
                    await store.ForgetDeadAsync(node.NodeId, stoppingToken);
                }

                var now = Paces();
                if (now.Count > 0 || told.Count > 0 || !heard.IsEmpty || (round % RoundsBetweenListening == 0 && !IsAlone))
                {
                    await ExchangeAsync(now, stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                // What was written is not known.
                tellsAll = true;
                LogNotTold(exception.Message);
            }

            await Task.Delay(Interval, node.Clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
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

    private bool IsAlone => node.Share.Nodes == 1;

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
        var changed = now.Where(l => tellsAll || told.GetValueOrDefault(l.Key) != l.Value).Select(l => (l.Key, l.Value)).ToList();
        var gone = told.Keys.Where(lane => !now.ContainsKey(lane)).ToList();
        heard.Set(await store.ExchangeAsync(node.NodeId, changed, gone, cancellationToken));
        tellsAll = false;
        gone.ForEach(lane => told.Remove(lane));
        changed.ForEach(lane => told[lane.Key] = lane.Value);
    }

    [LoggerMessage(3033, LogLevel.Debug, "What was learned about the pace of lanes could not be exchanged with other nodes: {Problem}")]
    private partial void LogNotTold(string problem);
}
