using System.Net;

namespace EmailService.Deliver;

/// <summary>The right to one connection, until it is disposed of. Its holder says when an attempt begins and ends: in between it may be broken off,
/// when others wait and it has come to nothing for long enough.</summary>
public sealed class ConnectionPermit : IDisposable
{
    private readonly Lock gate = new();
    private readonly ConnectionLimit limit;
    private CancellationTokenSource? attempt;

    internal ConnectionPermit(ConnectionLimit limit, SiteStanding site, bool isUnproven)
    {
        (this.limit, Site) = (limit, site);
        (IsUnproven, IsFirst) = (isUnproven, site.State == SiteState.New);
    }

    /// <summary>The site that it was given for.</summary>
    public SiteStanding Site { get; }

    /// <summary>The attempt under way was broken off for the sake of others.</summary>
    public bool WasBrokenOff { get; private set; }

    /// <summary>Its site is silent, and others that are new or silent wait for a connection.</summary>
    public bool OwesTurn => limit.OwesTurn(this);

    // The rest is the limit's, under its lock; what an attempt has come to it may see late.

    /// <summary>It counts with those of new and silent sites.</summary>
    internal bool IsUnproven { get; set; }

    /// <summary>Nothing was known of the site when it was given.</summary>
    internal bool IsFirst { get; set; }

    /// <summary>The attempt under way has its session: the host greeted, and knows us.</summary>
    internal bool HasSession => SessionAt > 0;

    /// <summary>It took so long that it counts with those of silent sites, whatever its site did before.</summary>
    internal bool IsSlow { get; set; }

    /// <summary>It was broken off and stays: its host has the content, and the final reply is awaited whatever comes.</summary>
    internal bool IsStuck { get; set; }

    /// <summary>Where it counts.</summary>
    internal IPAddress? Address { get; set; }

    /// <summary>When the attempt under way began, as a timestamp; 0 without one.</summary>
    internal long BeganAt { get; private set; }

    /// <summary>When it had its session, as a timestamp; 0 before.</summary>
    internal long SessionAt { get; private set; }

    /// <summary>What its content takes on a slow line.</summary>
    internal TimeSpan OnSlowLine { get; private set; }

    /// <summary>When it was broken off, as a timestamp; 0 if it was not.</summary>
    internal long BrokenAt { get; private set; }

    /// <summary>An attempt begins, which may be broken off by <paramref name="breaking"/> until it ends.</summary>
    public void Begin(CancellationTokenSource breaking, long now)
    {
        lock (gate)
        {
            attempt = breaking;
            WasBrokenOff = false;
            (BeganAt, SessionAt, BrokenAt) = (now, 0, 0);
        }
    }

    /// <summary>The attempt came as far as a session.</summary>
    /// <param name="now">As a timestamp.</param>
    /// <param name="onSlowLine">What its content takes on a slow line.</param>
    public void HasItsSession(long now, TimeSpan onSlowLine) => (OnSlowLine, SessionAt) = (onSlowLine, now);

    /// <summary>Takes time off the attempt under way in which this process stood still.</summary>
    /// <param name="by">In units of timestamps.</param>
    /// <param name="now">As a timestamp.</param>
    internal void PutForward(long by, long now)
    {
        lock (gate)
        {
            BeganAt = BeganAt > 0 ? Math.Min(BeganAt + by, now) : 0;
            SessionAt = SessionAt > 0 ? Math.Min(SessionAt + by, now) : 0;
        }
    }

    /// <summary>The attempt is over.</summary>
    public void End()
    {
        lock (gate)
        {
            attempt = null;
            (BeganAt, SessionAt, BrokenAt) = (0, 0, 0);
        }

        if (IsSlow || IsStuck)
        {
            limit.Recount(this);
        }
    }

    /// <summary>Whether the connection may go to an address; from then on it counts there. False if as many go there, or to its network, as may.</summary>
    public bool TryDial(IPAddress address) => limit.TryDial(this, address);

    /// <summary>The standing of its site is another since: this and all others of the site count accordingly.</summary>
    public void SiteChanged() => limit.SiteChanged(Site);

    /// <summary>Breaks off the attempt that was under way at <paramref name="now"/>, if it still is, and not the next one of the same connection. Not under
    /// a lock: what waits for it may go on here.</summary>
    /// <returns>True if that was done.</returns>
    internal bool Break(long now)
    {
        CancellationTokenSource breaking;
        lock (gate)
        {
            if (attempt is null || BrokenAt > 0 || BeganAt >= now)
            {
                return false;
            }

            breaking = attempt;
            (WasBrokenOff, BrokenAt) = (true, now);
        }

        try
        {
            breaking.Cancel();
        }
        catch (Exception e) when (e is ObjectDisposedException or AggregateException)
        {
            // It has ended by itself, or failed in ending; on a timer's thread nobody else would catch it.
        }

        return true;
    }

    public void Dispose() => limit.Release(this);
}
