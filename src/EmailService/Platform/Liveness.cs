namespace EmailService.Platform;

/// <summary>What a node knows of its own heartbeats: whether the others must still take it for alive, and how often they may not have.</summary>
public sealed class Liveness(TimeSpan timeToLive, TimeProvider clock)
{
    private long lastBeat;
    private long era;
    private volatile bool isStarted;

    /// <summary>The last heartbeat that was stored is younger than the time to live.</summary>
    public bool IsAlive => isStarted && clock.GetElapsedTime(Volatile.Read(ref lastBeat)) < timeToLive;

    /// <summary>Counts the times that the others may have taken what the node holds.</summary>
    public long Era => Volatile.Read(ref era);

    /// <summary>The node has signed on.</summary>
    /// <param name="sent">Taken before asking: the database's clock then reads later than ours, and we give up before others take over.</param>
    public void Start(long sent)
    {
        Volatile.Write(ref lastBeat, sent);
        isStarted = true;
    }

    /// <summary>A heartbeat was stored.</summary>
    /// <param name="wasAlive">False if the others had been told that this node is gone.</param>
    public void Beat(long sent, bool wasAlive)
    {
        if (!wasAlive || clock.GetElapsedTime(Volatile.Read(ref lastBeat)) >= timeToLive)
        {
            // Before we count as alive again, so that nobody starts with what was leased before.
            Interlocked.Increment(ref era);
        }

        Volatile.Write(ref lastBeat, sent);
    }
}
