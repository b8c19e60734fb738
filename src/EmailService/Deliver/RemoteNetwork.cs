using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Deliver;

/// <summary>The network of a remote address, as far as one owner is likely to have all of it: the /24 of an IPv4 address, the /48 of an IPv6 one
/// (RFC 6177 §2 names it as what a site is given).</summary>
public readonly record struct RemoteNetwork(bool IsV6, ulong Prefix)
{
    /// <summary>An IPv4 address that is written as IPv6 is in the network of the IPv4 address.</summary>
    public static RemoteNetwork Of(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Span<byte> octets = stackalloc byte[16];
        plain.TryWriteBytes(octets, out _);
        return plain.AddressFamily == AddressFamily.InterNetworkV6
            ? new(true, BinaryPrimitives.ReadUInt64BigEndian(octets) >> 16)
            : new(false, BinaryPrimitives.ReadUInt32BigEndian(octets) >> 8);
    }
}
