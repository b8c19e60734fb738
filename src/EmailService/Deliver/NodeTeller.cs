using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>Tells the other nodes something about this one's lanes, round by round, removes what dead ones told, and takes back its own when it
/// stops. Beside the way of the mail: when a round fails, mail goes on, and the next tells all again.</summary>
/// <typeparam name="T">What is told of a lane.</typeparam>
/// <param name="interval">From round to round, by the clock of the heartbeat.</param>
public abstract class NodeTeller<T>(INode node, TimeSpan interval) : BackgroundService
    where T : class, IEquatable<T>
{
    private static readonly TimeSpan BetweenForgetting = TimeSpan.FromSeconds(30);

    private readonly int roundsBetweenForgetting = (int)(BetweenForgetting / interval);
    private readonly Dictionary<string, T?> told = [];

    protected INode Node => node;

    /// <summary>There is something to take back.</summary>
    protected bool HasTold => told.Count > 0;

    /// <summary>It is not known what the others have of this node.</summary>
    protected bool TellsAll { get; private set; }

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var round = 0; !stoppingToken.IsCancellationRequested; round++)
        {
            try
            {
                if (round % roundsBetweenForgetting == 0)
                {
                    // Others may have done the same to this node, if it was silent for long.
                    TellsAll = true;
                    await ForgetDeadAsync(stoppingToken);
                }

                await TellAsync(round, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                // What was written is not known.
                TellsAll = true;
                LogNotTold(exception.Message);
            }

            await Task.Delay(interval, node.Clock, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await ForgetAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            // Others know by the node's end that it says nothing any more.
            LogNotTold(exception.Message);
        }
    }

    /// <summary>What the others do not know yet, and the lanes of which they know what holds no more. From here on they may know it.</summary>
    /// <param name="now">All there is to tell.</param>
    protected (List<(string Lane, T Told)> Changed, List<string> Gone) SinceTold(Dictionary<string, T> now)
    {
        List<(string Lane, T Told)> changed = [.. now.Where(l => TellsAll || !l.Value.Equals(told.GetValueOrDefault(l.Key))).Select(l => (l.Key, l.Value))];
        changed.ForEach(lane => told[lane.Lane] = null);
        return (changed, [.. told.Keys.Where(lane => !now.ContainsKey(lane))]);
    }

    /// <summary>The others know all of it now.</summary>
    protected void SetTold(List<(string Lane, T Told)> changed, List<string> gone)
    {
        TellsAll = false;
        gone.ForEach(lane => told.Remove(lane));
        changed.ForEach(lane => told[lane.Lane] = lane.Told);
    }

    /// <summary>A round: tells what is to be told, and hears what others say.</summary>
    protected abstract Task TellAsync(int round, CancellationToken cancellationToken);

    /// <summary>Removes what dead nodes told.</summary>
    protected abstract Task ForgetDeadAsync(CancellationToken cancellationToken);

    /// <summary>Removes all that this node told.</summary>
    protected abstract Task ForgetAsync(CancellationToken cancellationToken);

    protected abstract void LogNotTold(string problem);
}
