using System.Net;
using System.Net.Sockets;

namespace EmailService.Egress;

/// <summary>One of our addresses, and the name that it gives in EHLO.</summary>
public sealed record EgressSource(string Name, string HelloName)
{
    public const string DefaultName = "default";

    public IPAddress? Address { get; init; }

    public IPAddress? Ipv6Address { get; init; }

    /// <summary>What the world sees, as far as is known.</summary>
    public IReadOnlyList<IPAddress> PublicAddresses { get; init; } = [];

    public WarmUpPlan? WarmUp { get; init; }

    /// <summary>The local address for connections of a family; null for the system's choice.</summary>
    public IPAddress? LocalFor(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? Ipv6Address : Address;

    /// <summary>Whether it can connect to addresses of a family.</summary>
    public bool Reaches(AddressFamily family) => (Address is null && Ipv6Address is null) || LocalFor(family) is not null;

    public bool IsWarm(DateOnly day) => WarmUp?.CapOn(day) is null;
}

/// <summary>A source of a pool.</summary>
public readonly record struct PoolMember(EgressSource Source, int Weight);

/// <summary>Sources that share mail by weight.</summary>
public sealed record EgressPool(string Name, IReadOnlyList<PoolMember> Members);
