using EmailService.Smtp.Client;

namespace EmailService.Shaping;

/// <summary>A part of a shaping file: what it says about a lane, and nothing about the rest.</summary>
public sealed record ShapingBlock
{
    /// <summary>Suffixes of the names of MX hosts; for providers only.</summary>
    public IReadOnlyList<string>? Mx { get; init; }
    public Limit<int>? Connections { get; init; }
    public Limit<int>? MessagesPerConnection { get; init; }
    public Limit<double>? MessagesPerSecond { get; init; }
    public Limit<TimeSpan>? IdleTimeout { get; init; }
    public Limit<SmtpExtensions>? Without { get; init; }

    /// <summary>This block where it speaks, the other where it does not.</summary>
    public ShapingBlock Over(ShapingBlock other) => new()
    {
        Mx = Mx ?? other.Mx,
        Connections = Connections ?? other.Connections,
        MessagesPerConnection = MessagesPerConnection ?? other.MessagesPerConnection,
        MessagesPerSecond = MessagesPerSecond ?? other.MessagesPerSecond,
        IdleTimeout = IdleTimeout ?? other.IdleTimeout,
        Without = Without ?? other.Without,
    };

    /// <summary>The same over limits that are complete.</summary>
    public LaneLimits Over(LaneLimits other) => new()
    {
        Connections = Connections ?? other.Connections,
        MessagesPerConnection = MessagesPerConnection ?? other.MessagesPerConnection,
        MessagesPerSecond = MessagesPerSecond ?? other.MessagesPerSecond,
        IdleTimeout = IdleTimeout ?? other.IdleTimeout,
        Without = Without ?? other.Without,
    };
}

/// <summary>A shaping file as it was read.</summary>
public sealed record ShapingDocument
{
    public string? Revision { get; init; }
    public ShapingBlock Default { get; init; } = new();
    public IReadOnlyDictionary<string, ShapingBlock> Blocks { get; init; } = new Dictionary<string, ShapingBlock>();
    public IReadOnlyDictionary<string, ShapingBlock> Domains { get; init; } = new Dictionary<string, ShapingBlock>();

    public IReadOnlyDictionary<string, ShapingBlock> Accounts { get; init; } = new Dictionary<string, ShapingBlock>();

    /// <summary>This file where it speaks, key by key, the other where it does not.</summary>
    public ShapingDocument Over(ShapingDocument other) => new()
    {
        Revision = Revision ?? other.Revision,
        Default = Default.Over(other.Default),
        Blocks = Over(Blocks, other.Blocks),
        Domains = Over(Domains, other.Domains),
        Accounts = Over(Accounts, other.Accounts),
    };

    private static Dictionary<string, ShapingBlock> Over(
        IReadOnlyDictionary<string, ShapingBlock> first, IReadOnlyDictionary<string, ShapingBlock> other)
    {
        var all = new Dictionary<string, ShapingBlock>(other, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, block) in first)
        {
            all[name] = all.TryGetValue(name, out var under) ? block.Over(under) : block;
        }

        return all;
    }
}
