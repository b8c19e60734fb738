using System.Net;

namespace EmailService.Platform;

/// <summary>Where a name that a stranger wrote may lead: to public addresses, and into the networks that the operator names.</summary>
public sealed class AllowedAddresses(IReadOnlyList<IPNetwork> inside)
{
    /// <summary>Public ones alone.</summary>
    public static AllowedAddresses Public { get; } = new([]);

    /// <summary>Every one.</summary>
    public static AllowedAddresses All { get; } = new([IPNetwork.Parse("0.0.0.0/0"), IPNetwork.Parse("::/0")]);

    /// <summary>Whether we may connect there.</summary>
    public bool Allows(IPAddress address) => AddressReaches.Of(address) == AddressReach.Public || IsInside(address);

    // An IPv4 address in IPv6 form is the same place: the kernel connects to it by IPv4.
    private bool IsInside(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach (var network in inside)
        {
            if (network.Contains(plain))
            {
                return true;
            }
        }

        return false;
    }
}
