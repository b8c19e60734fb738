using System.Globalization;
using System.Net;
using EmailService.Shaping;
using EmailService.Smtp;

namespace EmailService.Route;

/// <summary>A name to connect to, with its port.</summary>
public sealed record MailHost(string Name, int Port)
{
    /// <summary>How we present ourselves to it if it is a relay of ours; else null.</summary>
    public RelaySettings? Relay { get; init; }

    /// <summary>Reads <c>host</c>, <c>host:port</c>, <c>1.2.3.4:port</c> or <c>[::1]:port</c>; null if it is none of them.</summary>
    public static MailHost? TryParse(string text, int defaultPort)
    {
        if (IPEndPoint.TryParse(text, out var endPoint))
        {
            return new MailHost(endPoint.Address.ToString(), endPoint.Port == 0 ? defaultPort : endPoint.Port);
        }

        var colon = text.LastIndexOf(':');
        var name = colon < 0 ? text : text[..colon];
        var port = defaultPort;
        if (name.Trim('.').Length == 0 || name.Contains(':', StringComparison.Ordinal) || name.AsSpan().ContainsAnyExcept(NameCharacters)
            || (colon >= 0 && !(int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is >= 1 and <= 65535)))
        {
            return null;
        }

        return new MailHost(name.TrimEnd('.').ToLowerInvariant(), port);
    }

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

    public override string ToString() => $"{Name}:{Port}";
}

/// <summary>Who named the mail hosts.</summary>
public enum HostsOrigin
{
    /// <summary>The domain itself, in DNS.</summary>
    Mx,

    /// <summary>An operator, for this domain.</summary>
    Static,

    /// <summary>An operator, for all domains.</summary>
    Relay,

    /// <summary>An operator, for a time.</summary>
    Rerouted,

    /// <summary>Nobody: live delivery is off.</summary>
    Inbox,
}

/// <summary>Where a domain's mail goes.</summary>
public abstract record RoutePlan
{
    /// <summary>Between a lane and the name of the account that has it for itself.</summary>
    public const string OfAccountMark = "+account:";

    private RoutePlan()
    {
    }

    /// <summary>To these hosts, in this order.</summary>
    /// <param name="Lane">The lane: the provider, or else the set of hosts, so that all domains that one provider hosts share it.</param>
    /// <param name="Limits">What the lane keeps to.</param>
    public sealed record Hosts(string Lane, IReadOnlyList<MailHost> InOrder, LaneLimits Limits) : RoutePlan
    {
        /// <summary>Who named the hosts.</summary>
        public HostsOrigin Origin { get; init; } = HostsOrigin.Mx;

        /// <summary>The lane in which rows wait from now on: the site. Null leaves a row where it is: a route that holds for a time is no site.</summary>
        public string? SiteLane => Origin == HostsOrigin.Rerouted ? null : Lane;

        /// <summary>The setting that named them, if one did.</summary>
        public string? Because { get; init; }

        /// <summary>The lane and its limits are those of one account.</summary>
        public bool IsOfAccount { get; init; }
    }

    /// <summary>Nowhere, and the answer is final: no such domain, or a null MX. The reply is ours.</summary>
    public sealed record Nowhere(SmtpReply Reply) : RoutePlan;

    /// <summary>Not known now: DNS failed. The reply is ours.</summary>
    public sealed record NotNow(SmtpReply Reply) : RoutePlan;
}
