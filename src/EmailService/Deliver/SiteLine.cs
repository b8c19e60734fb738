using System.Net;

namespace EmailService.Deliver;

/// <summary>Somebody who waits for a connection. Whoever gives it to him does so under a lock: he goes on elsewhere.</summary>
internal sealed class Waiter() : TaskCompletionSource<ConnectionPermit>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    /// <summary>Takes him out of the line when he gives up.</summary>
    public CancellationTokenRegistration GivesUp { get; set; }
}

/// <summary>Those of one site that wait for a connection, and what it has.</summary>
internal sealed class SiteLine
{
    public SiteLine(SiteStanding site)
    {
        Site = site;
        Node = new LinkedListNode<SiteLine>(this);
    }

    public SiteStanding Site { get; }

    public LinkedListNode<SiteLine> Node { get; }

    public LinkedList<Waiter> Waiting { get; } = new();

    public List<ConnectionPermit> Held { get; } = [];

    /// <summary>Where its next connection goes, as far as is known.</summary>
    public IPAddress? Address { get; set; }

    /// <summary>Connections that its limits allow.</summary>
    public int Most { get; set; }

    public bool IsUnproven => Site.State != SiteState.Answers;
}
