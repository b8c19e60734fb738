namespace EmailService.Steer;

/// <summary>What one process says of one of its lanes.</summary>
public sealed record LaneStatus
{
    /// <summary>The lane in memory: the site that the recipients go to.</summary>
    public required string Lane { get; init; }

    /// <summary>Lanes of the table, domains, whose recipients came into this one.</summary>
    public IReadOnlyList<string> Domains { get; init; } = [];

    /// <summary>Recipients in memory that no worker has begun with.</summary>
    public int Waiting { get; init; }

    /// <summary>Recipients in a worker's hands, some of which may wait for their turn.</summary>
    public int InHands { get; init; }

    /// <summary>The attempts under way, as far as there is room to tell.</summary>
    public IReadOnlyList<AttemptUnderWay> Attempts { get; init; } = [];

    /// <summary>Connections that are open or being opened.</summary>
    public int Connections { get; init; }

    /// <summary>How many the pace allows this process now.</summary>
    public int ConnectionsAllowed { get; init; }

    /// <summary>How many the lane dares in this process.</summary>
    public int Window { get; init; }

    /// <summary>How many the site was seen to take from all processes; null if it never refused one.</summary>
    public int? WindowCeiling { get; init; }

    /// <summary>The shaping's limit over all processes.</summary>
    public required Figure ConnectionsLimit { get; init; }

    /// <summary>Messages per second over all processes; 0 is no limit.</summary>
    public required Figure RateLimit { get; init; }

    /// <summary>In the minute before.</summary>
    public OutcomeCounts Minute { get; init; }

    /// <summary>In the hour before, also when the lane has left the memory meanwhile.</summary>
    public OutcomeCounts Hour { get; init; }

    /// <summary>What an attempt takes on a connection, in seconds; null before the first.</summary>
    public double? SecondsPerMessage { get; init; }

    public required LimitedBy LimitedBy { get; init; }

    public DateTimeOffset? RestsUntil { get; init; }

    public IReadOnlyList<AvoidedHost> AvoidedHosts { get; init; } = [];

    /// <summary>Newest first.</summary>
    public IReadOnlyList<LaneReply> Replies { get; init; } = [];
}

/// <summary>A limit and who says so.</summary>
public sealed record Figure(double Value, string Origin);

/// <summary>Outcomes of some time.</summary>
public readonly record struct OutcomeCounts(int Delivered, int Deferred, int Bounced)
{
    public static OutcomeCounts operator +(OutcomeCounts a, OutcomeCounts b) => new(a.Delivered + b.Delivered, a.Deferred + b.Deferred, a.Bounced + b.Bounced);
}

/// <param name="Id">The message.</param>
/// <param name="N">The recipient's place in its envelope.</param>
public sealed record AttemptUnderWay(string Id, short N, DateTimeOffset Since);

/// <summary>A mail host that did not answer lately and is tried last.</summary>
public sealed record AvoidedHost(string Host, string Address, DateTimeOffset Until);

/// <summary>What a host of the lane said, without the local parts of addresses in it: the reader may not be whose mail it was.</summary>
public sealed record LaneReply(DateTimeOffset At, string Disposition, string Reply, bool Ours);

/// <summary>What one process says of itself.</summary>
public sealed record NodeStatus
{
    /// <summary>Recipients that it holds, and may hold.</summary>
    public int InHand { get; init; }
    public int InHandLimit { get; init; }

    /// <summary>Whether it takes more out of the table, whosever it is. Without it an account with little in memory may still find a few places.</summary>
    public bool HasRoom { get; init; }

    /// <summary>Workers of all lanes, each with one connection at most, and how many there may be.</summary>
    public int Connections { get; init; }
    public int ConnectionsLimit { get; init; }

    /// <summary>Whether outcomes can be stored; else nothing is tried.</summary>
    public bool Stores { get; init; }

    /// <summary>Lanes in memory, and how many of them it tells of: the busiest.</summary>
    public int Lanes { get; init; }
    public int LanesTold { get; init; }
}

/// <summary>A live process that delivers, as others see it.</summary>
/// <param name="Status">Null before its first word.</param>
public sealed record NodeSeen(long NodeId, string Host, int ProcessId, NodeStatus? Status);

/// <summary>A lane's status with the process that says it.</summary>
public sealed record LaneSeen(long NodeId, LaneStatus Status);
