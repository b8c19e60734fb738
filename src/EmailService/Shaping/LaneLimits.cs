using EmailService.Smtp.Client;

namespace EmailService.Shaping;

/// <summary>A limit, and who says so: a block and the file it stands in, or a setting.</summary>
public readonly record struct Limit<T>(T Value, string Origin);

/// <summary>What holds for a lane, over all processes together.</summary>
public sealed record LaneLimits
{
    /// <summary>Connections at once.</summary>
    public required Limit<int> Connections { get; init; }

    /// <summary>Messages that one connection carries.</summary>
    public required Limit<int> MessagesPerConnection { get; init; }

    /// <summary>Messages begun in a second; 0 is no limit.</summary>
    public required Limit<double> MessagesPerSecond { get; init; }

    /// <summary>How long a connection is kept without work.</summary>
    public required Limit<TimeSpan> IdleTimeout { get; init; }

    /// <summary>What is not used with its hosts though they offer it. Encryption is used all the same where a policy demands it.</summary>
    public Limit<SmtpExtensions> Without { get; init; } = new(SmtpExtensions.None, "default");
}

/// <summary>The lane that a site gets by shaping, if it is not that of its set of hosts, and its limits.</summary>
/// <param name="Lane"><c>provider:google</c>, <c>domain:example.com</c>, or null.</param>
/// <param name="Block">The provider's block that the hosts belong to, or null.</param>
/// <param name="Account">The account that has limits of its own, or null.</param>
public sealed record ShapedSite(string? Lane, string? Block, LaneLimits Limits, string? Account = null);
