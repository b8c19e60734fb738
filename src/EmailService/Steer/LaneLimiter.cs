namespace EmailService.Steer;

/// <summary>What keeps a lane from going faster now. A closed set: each word is one case of one rule.</summary>
public enum LaneLimiter
{
    /// <summary>Nothing waits that may be tried now.</summary>
    NothingDue,

    /// <summary>Work waits, and connections for it are on their way.</summary>
    Starting,

    /// <summary>All connections that the shaping allows are in use.</summary>
    Connections,

    /// <summary>All connections that the lane dares are in use: it finds out how many the site takes.</summary>
    Window,

    /// <summary>Messages wait for their turn under the rate of the shaping.</summary>
    Rate,

    /// <summary>The process has no connection left for the lane.</summary>
    AllConnections,

    /// <summary>No host of the lane gave a session several times running.</summary>
    Rest,

    /// <summary>Somebody, or a rule about replies, suspended it.</summary>
    Suspended,

    /// <summary>Outcomes can't be stored, so no attempt starts.</summary>
    Store,

    /// <summary>What is due waits in the table, because the processes hold all that they may.</summary>
    Memory,

    /// <summary>No live process delivers.</summary>
    NoNode,
}

/// <summary>The limiter with its figure and where that comes from: a block and its file, a setting, or what was learned.</summary>
public sealed record LimitedBy(LaneLimiter By, double? Figure = null, string? Origin = null);
