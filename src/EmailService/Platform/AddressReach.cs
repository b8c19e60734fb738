using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Platform;

/// <summary>How far an address reaches. Only <see cref="Public"/> ones lead out of our own machine and network.</summary>
public enum AddressReach
{
    /// <summary>Globally reachable.</summary>
    Public,

    /// <summary>"This host": 0.0.0.0/8 and ::. Linux takes a connection to 0.0.0.0 for one to itself. RFC 6890 §2.2.2</summary>
    Unspecified,

    /// <summary>127.0.0.0/8 and ::1.</summary>
    Loopback,

    /// <summary>169.254.0.0/16 and fe80::/10: the same wire. Clouds answer for their machines' secrets there.</summary>
    LinkLocal,

    /// <summary>10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918), 100.64.0.0/10 (RFC 6598), fc00::/7 (RFC 4193), fec0::/10 (RFC 3879),
    /// and 64:ff9b:1::/48 (RFC 8215).</summary>
    Private,

    /// <summary>224.0.0.0/4 and ff00::/8.</summary>
    Multicast,

    /// <summary>Broadcast, and what IANA keeps back: for protocols, measuring, documentation and the future. RFC 6890</summary>
    Reserved,
}

/// <summary>address → how far it reaches. The one place that knows; pure, and without memory of its own: it is asked at every attempt.</summary>
public static class AddressReaches
{
    /// <summary>An IPv4 address inside an IPv6 address counts as what it is: a translator or a tunnel would bring us there.</summary>
    public static AddressReach Of(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        address.TryWriteBytes(octets, out _);
        return address.AddressFamily == AddressFamily.InterNetwork ? OfIpv4(octets) : OfIpv6(octets);
    }

    private static AddressReach OfIpv4(ReadOnlySpan<byte> octets) => BinaryPrimitives.ReadUInt32BigEndian(octets) switch
    {
        < 0x0100_0000 => AddressReach.Unspecified,
        >= 0x0A00_0000 and <= 0x0AFF_FFFF => AddressReach.Private,
        >= 0x6440_0000 and <= 0x647F_FFFF => AddressReach.Private,
        >= 0x7F00_0000 and <= 0x7FFF_FFFF => AddressReach.Loopback,
        >= 0xA9FE_0000 and <= 0xA9FE_FFFF => AddressReach.LinkLocal,
        >= 0xAC10_0000 and <= 0xAC1F_FFFF => AddressReach.Private,
        >= 0xC000_0000 and <= 0xC000_00FF => AddressReach.Reserved,       // 192.0.0.0/24, protocol assignments
        >= 0xC000_0200 and <= 0xC000_02FF => AddressReach.Reserved,       // 192.0.2.0/24, documentation
        >= 0xC0A8_0000 and <= 0xC0A8_FFFF => AddressReach.Private,
        >= 0xC612_0000 and <= 0xC613_FFFF => AddressReach.Reserved,       // 198.18.0.0/15, measuring
        >= 0xC633_6400 and <= 0xC633_64FF => AddressReach.Reserved,       // 198.51.100.0/24, documentation
        >= 0xCB00_7100 and <= 0xCB00_71FF => AddressReach.Reserved,       // 203.0.113.0/24, documentation
        >= 0xE000_0000 and <= 0xEFFF_FFFF => AddressReach.Multicast,
        >= 0xF000_0000 => AddressReach.Reserved,                          // the future, and 255.255.255.255
        _ => AddressReach.Public,
    };

    private static AddressReach OfIpv6(ReadOnlySpan<byte> octets)
    {
        var head = BinaryPrimitives.ReadUInt32BigEndian(octets);
        var middle = BinaryPrimitives.ReadUInt64BigEndian(octets[4..]);
        var tail = BinaryPrimitives.ReadUInt32BigEndian(octets[12..]);
        return (head, middle) switch
        {
            (0, 0) when tail == 0 => AddressReach.Unspecified,
            (0, 0) when tail == 1 => AddressReach.Loopback,
            (0, 0) => OfIpv4(octets[12..]),                               // ::a.b.c.d, compatible. RFC 4291 §2.5.5.1
            (0, 0x0000_0000_0000_FFFF) => OfIpv4(octets[12..]),           // ::ffff:a.b.c.d, mapped. RFC 4291 §2.5.5.2
            (0, 0x0000_0000_FFFF_0000) => OfIpv4(octets[12..]),           // ::ffff:0:a.b.c.d, translated. RFC 2765 §2.1
            (0x0064_FF9B, 0) => OfIpv4(octets[12..]),                     // 64:ff9b::/96, NAT64. RFC 6052 §2.1
            (0x0064_FF9B, _) when middle >> 48 == 1 => AddressReach.Private,
            _ when head >> 16 == 0x2002 => OfIpv4(octets[2..]),           // 2002::/16, 6to4. RFC 3056 §2
            (0x2001_0000, _) => AddressReach.Reserved,                    // 2001::/32, Teredo: the IPv4 address is anybody's
            (0x2001_0DB8, _) => AddressReach.Reserved,                    // 2001:db8::/32, documentation
            _ when head >> 12 == 0x3FFF_0 => AddressReach.Reserved,       // 3fff::/20, documentation. RFC 9637
            _ when head >> 25 == 0xFC >> 1 => AddressReach.Private,
            _ when head >> 22 == 0xFE80 >> 6 => AddressReach.LinkLocal,
            _ when head >> 22 == 0xFEC0 >> 6 => AddressReach.Private,
            _ when head >> 24 == 0xFF => AddressReach.Multicast,

            // All that IANA has given out for global use lies in 2000::/3. RFC 4291 §2.4
            _ => head >> 29 == 1 ? AddressReach.Public : AddressReach.Reserved,
        };
    }

    /// <summary>The word for it, for replies and logs.</summary>
    public static string ToWord(this AddressReach reach) => reach switch
    {
        AddressReach.Public => "public",
        AddressReach.Unspecified => "unspecified",
        AddressReach.Loopback => "loopback",
        AddressReach.LinkLocal => "link-local",
        AddressReach.Private => "private",
        AddressReach.Multicast => "multicast",
        AddressReach.Reserved => "reserved",
    };
}
