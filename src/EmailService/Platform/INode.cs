namespace EmailService.Platform;

/// <summary>This process among all that share the outbox, as those need it who hold leases.</summary>
public interface INode
{
    /// <summary>Unique per start of a process.</summary>
    long NodeId { get; }

    /// <summary>This node's part of what all that deliver may do together.</summary>
    NodeShare Share { get; }

    /// <summary>How long a silent node keeps what it holds.</summary>
    TimeSpan TimeToLive { get; }

    /// <summary>False when others may have taken what we hold: then no new attempt may start.</summary>
    bool IsAlive { get; }

    /// <summary>Counts the times that this node came back from a silence in which others may have taken what it holds.</summary>
    long Era { get; }

    /// <summary>The clock that heartbeats go by: the machine's own, whatever time the rest of the program is told.</summary>
    TimeProvider Clock { get; }
}
