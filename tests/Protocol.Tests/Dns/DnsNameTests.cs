using System.Net;
using EmailService.Dns;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Protocol.Tests.Dns;

public sealed class DnsNameTests
{
    [Theory]
    [InlineData("example.test", "example.test")]
    [InlineData("Example.TEST.", "example.test")]
    [InlineData("_25._tcp.mx.example.test", "_25._tcp.mx.example.test")]
    [InlineData("XN--BCHER-KVA.test", "xn--bcher-kva.test")]
    [InlineData(".", "")]
    [InlineData("", "")]
    [InlineData("a\\.b.test", "a\\.b.test")]
    [InlineData("\\065b.test", "ab.test")]
    [InlineData("a\\000.test", "a\\000.test")]
    public void A_name_has_one_form(string name, string expected)
    {
        Assert.True(DnsName.TryNormalise(name, out var normal, out var error), error);
        Assert.Equal(expected, normal);
    }

    [Theory]
    [InlineData("a..b", "empty label")]
    [InlineData(".a", "empty label")]
    [InlineData("a..", "empty label")]
    [InlineData("bücher.test", "A-labels")]
    [InlineData("a b.test", "space")]
    [InlineData("a\r\nb.test", "space")]
    [InlineData("a\\", "bad escape")]
    [InlineData("a\\25", "bad escape")]
    [InlineData("a\\256", "bad escape")]
    public void A_name_that_DNS_cannot_carry_is_refused_with_the_reason(string name, string reason)
    {
        Assert.False(DnsName.TryNormalise(name, out _, out var error));
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_end_at_63_octets_and_names_at_255()
    {
        var label = new string('a', 63);
        var longest = $"{label}.{label}.{label}.{label[..61]}";
        Assert.True(DnsName.TryNormalise(longest, out _, out _));
        Assert.True(DnsName.TryNormalise(longest + ".", out _, out _));
        Assert.True(DnsName.TryNormalise(longest.ToUpperInvariant(), out var lower, out _));
        Assert.Equal(longest, lower);
        Assert.False(DnsName.TryNormalise(longest + "a", out _, out _));
        Assert.False(DnsName.TryNormalise(longest + ".a", out _, out _));
        Assert.False(DnsName.TryNormalise(label + "a.test", out _, out _));
        Assert.False(DnsName.TryNormalise(label + "A.test", out _, out _));
        Assert.False(DnsName.TryNormalise(new string('\\', 100_000), out _, out _));
    }

    [Fact]
    public void A_name_in_normal_form_costs_no_memory()
    {
        const string Name = "mx1.example.test";
        DnsName.TryNormalise(Name, out _, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        DnsName.TryNormalise(Name, out var normal, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Same(Name, normal);
    }

    [Fact]
    public void Any_octets_in_labels_survive_the_way_through_text()
    {
        var octet = Gen.Choose(0, 255).Select(o => o is >= 'A' and <= 'Z' ? (byte)(o | 0x20) : (byte)o);
        var label = Gen.Choose(1, 20).SelectMany(n => Gen.ArrayOf(octet, n));
        var labels = Gen.Choose(0, 8).SelectMany(n => Gen.ArrayOf(label, n));
        Prop.ForAll(labels.ToArbitrary(), parts =>
        {
            byte[] wire = [.. parts.SelectMany(p => (byte[])[(byte)p.Length, .. p]), 0];
            var offset = 0;
            var back = new byte[255];
            return DnsName.TryRead(wire, ref offset, out var text)
                && offset == wire.Length
                && DnsName.TryWrite(text, back, out var written, out _)
                && back.AsSpan(0, written).SequenceEqual(wire);
        }).Check(Config.QuickThrowOnFailure.WithReplay(20_300_102, 17).WithMaxTest(500));
    }

    [Fact]
    public void A_pointer_leads_back_only()
    {
        // "test" at 0, then "mx" and a pointer to it; then pointers to themselves, forwards, and at each other.
        byte[] message = [4, (byte)'t', (byte)'e', (byte)'s', (byte)'t', 0, 2, (byte)'m', (byte)'x', 0xC0, 0, 0xC0, 11, 0xC0, 15, 0xC0, 13, 1, (byte)'a', 0xC0, 17];
        var offset = 6;
        Assert.True(DnsName.TryRead(message, ref offset, out var name));
        Assert.Equal(("mx.test", 11), (name, offset));
        foreach (var start in (int[])[11, 13, 15, 17])
        {
            offset = start;
            Assert.False(DnsName.TryRead(message, ref offset, out _));
        }
    }

    [Theory]
    [InlineData("192.0.2.1", "1.2.0.192.in-addr.arpa")]
    [InlineData("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa")]
    [InlineData("2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")]
    public void An_address_has_a_reverse_name(string address, string name) =>
        Assert.Equal(name, DnsResolver.ReverseName(IPAddress.Parse(address)));
}
