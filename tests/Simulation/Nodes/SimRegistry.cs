using EmailService.Platform;

namespace EmailService.Simulation;

/// <summary>A node among the others: what <see cref="NodeRegistry"/> is, over the model of the store. The rule of life and death is the real one.</summary>
internal sealed class SimRegistry(StoreLink store, StoreHealth health, NodeClock clock, PlatformOptions options, Action beaten) : INode
{
    private readonly Liveness liveness = new(options.LeaseTimeToLive, clock);
    private bool isStopped;

    public long NodeId { get; private set; }

    public NodeShare Share { get; private set; } = NodeShare.Whole;

    public TimeSpan TimeToLive => options.LeaseTimeToLive;

    public bool IsAlive => !isStopped && liveness.IsAlive;

    public long Era => liveness.Era;

    public TimeProvider Clock => clock;

    public async Task StartAsync()
    {
        while (NodeId == 0)
        {
            try
            {
                var sent = clock.GetTimestamp();
                NodeId = await store.RegisterAsync();
                liveness.Start(sent);
                await BeatAsync();
            }
            catch (Npgsql.NpgsqlException)
            {
                // A supervisor starts the process again.
                await Task.Delay(TimeSpan.FromSeconds(5), clock);
            }
        }
    }

    /// <summary>Until the node is dead, and its clock stands.</summary>
    public async Task RunAsync()
    {
        while (true)
        {
            await Task.Delay(options.HeartbeatInterval, clock, CancellationToken.None);
            try
            {
                await BeatAsync();
                health.ReportSuccess();
            }
            catch (Npgsql.NpgsqlException e)
            {
                health.ReportFailure(e);
            }
        }
    }

    public async Task StopAsync()
    {
        isStopped = true;
        try
        {
            await store.SignOffAsync(NodeId);
        }
        catch (Npgsql.NpgsqlException)
        {
            // Others will find out by the silence.
        }
    }

    private async Task BeatAsync()
    {
        var sent = clock.GetTimestamp();
        var (wasAlive, position, count) = await store.BeatAsync(NodeId, TimeToLive, beaten);
        Share = new NodeShare(position, count);
        liveness.Beat(sent, wasAlive);
    }
}
