using System.Net;
using EmailService.Platform;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Platform;

public sealed class AddressReachTests
{
    [Theory]
    [InlineData("0.0.0.0", AddressReach.Unspecified)]
    [InlineData("0.255.255.255", AddressReach.Unspecified)]
    [InlineData("1.0.0.0", AddressReach.Public)]
    [InlineData("9.255.255.255", AddressReach.Public)]
    [InlineData("10.0.0.0", AddressReach.Private)]
    [InlineData("10.255.255.255", AddressReach.Private)]
    [InlineData("11.0.0.0", AddressReach.Public)]
    [InlineData("100.63.255.255", AddressReach.Public)]
    [InlineData("100.64.0.0", AddressReach.Private)]
    [InlineData("100.127.255.255", AddressReach.Private)]
    [InlineData("100.128.0.0", AddressReach.Public)]
    [InlineData("126.255.255.255", AddressReach.Public)]
    [InlineData("127.0.0.0", AddressReach.Loopback)]
    [InlineData("127.255.255.255", AddressReach.Loopback)]
    [InlineData("128.0.0.0", AddressReach.Public)]
    [InlineData("169.253.255.255", AddressReach.Public)]
    [InlineData("169.254.169.254", AddressReach.LinkLocal)]
    [InlineData("169.255.0.0", AddressReach.Public)]
    [InlineData("172.15.255.255", AddressReach.Public)]
    [InlineData("172.16.0.0", AddressReach.Private)]
    [InlineData("172.31.255.255", AddressReach.Private)]
    [InlineData("172.32.0.0", AddressReach.Public)]
    [InlineData("191.255.255.255", AddressReach.Public)]
    [InlineData("192.0.0.0", AddressReach.Reserved)]
    [InlineData("192.0.0.255", AddressReach.Reserved)]
    [InlineData("192.0.1.0", AddressReach.Public)]
    [InlineData("192.0.2.1", AddressReach.Reserved)]
    [InlineData("192.0.3.0", AddressReach.Public)]
    [InlineData("192.167.255.255", AddressReach.Public)]
    [InlineData("192.168.0.0", AddressReach.Private)]
    [InlineData("192.168.255.255", AddressReach.Private)]
    [InlineData("192.169.0.0", AddressReach.Public)]
    [InlineData("198.17.255.255", AddressReach.Public)]
    [InlineData("198.18.0.0", AddressReach.Reserved)]
    [InlineData("198.19.255.255", AddressReach.Reserved)]
    [InlineData("198.20.0.0", AddressReach.Public)]
    [InlineData("198.51.100.1", AddressReach.Reserved)]
    [InlineData("198.51.101.0", AddressReach.Public)]
    [InlineData("203.0.113.255", AddressReach.Reserved)]
    [InlineData("203.0.114.0", AddressReach.Public)]
    [InlineData("223.255.255.255", AddressReach.Public)]
    [InlineData("224.0.0.1", AddressReach.Multicast)]
    [InlineData("239.255.255.255", AddressReach.Multicast)]
    [InlineData("240.0.0.0", AddressReach.Reserved)]
    [InlineData("255.255.255.255", AddressReach.Reserved)]
    [InlineData("::", AddressReach.Unspecified)]
    [InlineData("::1", AddressReach.Loopback)]
    [InlineData("64:ff9b:1::1", AddressReach.Private)]
    [InlineData("64:ff9b:2::1", AddressReach.Reserved)]
    [InlineData("100::1", AddressReach.Reserved)]
    [InlineData("2000::1", AddressReach.Public)]
    [InlineData("2001::1", AddressReach.Reserved)]
    [InlineData("2001:db7:ffff::1", AddressReach.Public)]
    [InlineData("2001:db8::1", AddressReach.Reserved)]
    [InlineData("2001:db8:ffff::1", AddressReach.Reserved)]
    [InlineData("2001:db9::1", AddressReach.Public)]
    [InlineData("3ffe:ffff::1", AddressReach.Public)]
    [InlineData("3fff:fff::1", AddressReach.Reserved)]
    [InlineData("3fff:1000::1", AddressReach.Public)]
    [InlineData("4000::1", AddressReach.Reserved)]
    [InlineData("fbff::1", AddressReach.Reserved)]
    [InlineData("fc00::1", AddressReach.Private)]
    [InlineData("fdff:ffff::1", AddressReach.Private)]
    [InlineData("fe00::1", AddressReach.Reserved)]
    [InlineData("fe80::1", AddressReach.LinkLocal)]
    [InlineData("febf::1", AddressReach.LinkLocal)]
    [InlineData("fec0::1", AddressReach.Private)]
    [InlineData("feff::1", AddressReach.Private)]
    [InlineData("ff02::1", AddressReach.Multicast)]
    public void Reach_of(string address, AddressReach reach) => Assert.Equal(reach, AddressReaches.Of(IPAddress.Parse(address)));

    [Theory]
    [InlineData("::ffff:127.0.0.1", AddressReach.Loopback)]
    [InlineData("::127.0.0.1", AddressReach.Loopback)]
    [InlineData("::ffff:0:10.0.0.1", AddressReach.Private)]
    [InlineData("64:ff9b::169.254.169.254", AddressReach.LinkLocal)]
    [InlineData("64:ff9b::8.8.8.8", AddressReach.Public)]
    [InlineData("2002:7f00:1::", AddressReach.Loopback)]
    [InlineData("2002:a00:1::1", AddressReach.Private)]
    [InlineData("2002:808:808::1", AddressReach.Public)]
    public void Reach_of_an_IPv4_address_in_an_IPv6_address_is_its_own(string address, AddressReach reach) =>
        Assert.Equal(reach, AddressReaches.Of(IPAddress.Parse(address)));

    [Fact]
    public void Every_wrapping_of_any_IPv4_address_reaches_as_far_as_the_address() => Prop.ForAll<uint>(number =>
    {
        byte[] four = [(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number];
        var plain = AddressReaches.Of(new IPAddress(four));
        Assert.Equal(plain, AddressReaches.Of(new IPAddress([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, .. four])));
        Assert.Equal(plain, AddressReaches.Of(new IPAddress([0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, .. four])));
        Assert.Equal(plain, AddressReaches.Of(new IPAddress([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, .. four])));
        Assert.Equal(plain, AddressReaches.Of(new IPAddress([0x20, 0x02, .. four, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])));
        if (number > 1)
        {
            Assert.Equal(plain, AddressReaches.Of(new IPAddress([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. four])));
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(5_000));

    [Fact]
    public void Only_public_addresses_and_the_networks_that_are_named_are_allowed()
    {
        var allowed = new AllowedAddresses([IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("fd00::/8")]);
        Assert.Equal(
            [true, true, true, true, false, false, false],
            new[] { "8.8.8.8", "10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "10.2.0.1", "fc00::1", "127.0.0.1" }.Select(a => allowed.Allows(IPAddress.Parse(a))));
    }

    [Fact]
    public void Asking_costs_no_memory()
    {
        var address = IPAddress.Parse("2001:db8::1");
        AddressReaches.Of(address);
        var before = GC.GetAllocatedBytesForCurrentThread();
        AddressReaches.Of(address);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
