using System.Net;
using System.Text;
using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

public sealed class DnsMessageTests
{
    // Written by hand from RFC 1035 §4: example.test MX, two mail hosts with compressed names, one of them the question's own,
    // an A record and an OPT record in the additional section.
    private const string MxResponse =
        "1234 81A0 0001 0002 0000 0002" +
        "07 6578616D706C65 04 74657374 00 000F 0001" +
        "C00C 000F 0001 0000012C 0008 000A 03 6D7831 C00C" +
        "C00C 000F 0001 00000064 0004 0014 C00C" +
        "C02C 0001 0001 0000012C 0004 C0000201" +
        "00 0029 04D0 00000000 0000";

    private const string TxtResponse =
        "1234 8180 0001 0002 0000 0000 07 6578616D706C65 04 74657374 00 0010 0001" +
        "C00C 0005 0001 0000012C 0004 01 61 C00C 01 61 C00C 0010 0001 0000012C 0006 02 6162 02 6364";

    private const string NegativeResponse =
        "1234 8183 0001 0000 0001 0000 07 6578616D706C65 04 74657374 00 000F 0001" +
        "C014 0006 0001 0000012C 0018 C00C C014 00000001 00000E10 00000E10 00000E10 0000003C";

    [Fact]
    public void A_response_is_read_with_compressed_names()
    {
        Assert.True(DnsMessage.TryParse(Hex(MxResponse), out var message));
        Assert.Equal(0x1234, message.Id);
        Assert.True(message is { IsResponse: true, RecursionDesired: true, RecursionAvailable: true, AuthenticData: true });
        Assert.False(message.IsAuthoritative || message.IsTruncated);
        Assert.Equal(("example.test", DnsType.Mx), (message.Question!.Name, message.Question.Type));
        Assert.Equal(1232, message.EdnsPayloadSize);
        Assert.Equal(
            [
                new MxRecord("example.test", TimeSpan.FromSeconds(300), 10, "mx1.example.test"),
                new MxRecord("example.test", TimeSpan.FromSeconds(100), 20, "example.test"),
            ],
            message.Answers);
    }

    [Fact]
    public void Every_shorter_part_of_a_response_is_refused()
    {
        var whole = Hex(MxResponse);
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.False(DnsMessage.TryParse(whole.AsSpan(0, length), out _), $"{length} octets");
        }
    }

    [Fact]
    public void Every_kind_of_record_survives_writing_and_reading()
    {
        var hour = TimeSpan.FromHours(1);
        DnsRecord[] records =
        [
            new AddressRecord("a.test", hour, IPAddress.Parse("192.0.2.7")),
            new AddressRecord("a.test", hour, IPAddress.Parse("2001:db8::7")),
            new MxRecord("a.test", hour, 65535, "mx.test"),
            new MxRecord("null.test", hour, 0, ""),
            new CnameRecord("c.test", hour, "a.test"),
            new NsRecord("test", hour, "ns.test"),
            new PtrRecord("1.2.0.192.in-addr.arpa", hour, "a.test"),
            new TxtRecord("a.test", hour, ""),
            new TxtRecord("a.test", hour, "v=DKIM1; p=" + new string('A', 600) + "\u00ff\u0080"),
            new SoaRecord("test", hour, "ns.test", "hostmaster.test", uint.MaxValue, hour, hour, hour, TimeSpan.FromSeconds(uint.MaxValue)),
        ];
        var message = new DnsMessage
        {
            Id = 7,
            IsResponse = true,
            IsAuthoritative = true,
            ResponseCode = DnsResponseCode.BadVersion,
            Question = Ask("a.test", DnsType.Mx),
            Answers = records,
            Authorities = records,
            EdnsPayloadSize = 4096,
        };
        var buffer = new byte[8000];
        Assert.True(message.TryWrite(buffer, out var written));
        Assert.True(DnsMessage.TryParse(buffer.AsSpan(0, written), out var back));
        Assert.Equal(records, back.Answers);
        Assert.Equal(records, back.Authorities);
        Assert.Equal(DnsResponseCode.BadVersion, back.ResponseCode);
        Assert.Equal(4096, back.EdnsPayloadSize);
        Assert.False(message.TryWrite(new byte[written - 1], out _));
    }

    [Fact]
    public void A_TLSA_record_keeps_its_octets()
    {
        var message = Of("C00C 0034 0001 0000012C 0006 03 01 01 AABBCC");
        var tlsa = Assert.IsType<TlsaRecord>(Assert.Single(message!.Answers));
        Assert.Equal((3, 1, 1), (tlsa.Usage, tlsa.Selector, tlsa.MatchingType));
        Assert.Equal("AABBCC", Convert.ToHexString(tlsa.Data.Span));
    }

    [Theory]
    [InlineData("C00C 0001 0001 0000012C 0003 C00002", "an address of three octets")]
    [InlineData("C00C 001C 0001 0000012C 0004 C0000201", "an IPv6 address of four octets")]
    [InlineData("C00C 000F 0001 0000012C 0002 000A", "an MX without a host")]
    [InlineData("C00C 000F 0001 0000012C 0005 000A C00C 00", "an MX with something after the host")]
    [InlineData("C00C 0010 0001 0000012C 0000", "a TXT without a string")]
    [InlineData("C00C 0010 0001 0000012C 0003 05 6162", "a TXT string longer than its record")]
    [InlineData("C00C 0034 0001 0000012C 0003 030101", "a TLSA without data")]
    [InlineData("C00C 0006 0001 0000012C 0008 C00C C00C 00000001", "an SOA without its times")]
    [InlineData("C00C 0005 0001 0000012C 0002 C02A", "an alias that points at itself")]
    [InlineData("00 0029 0400 00000000 0000 00 0029 0400 00000000 0000", "two OPT records")]
    public void Broken_record_data_makes_the_message_unreadable(string record, string what) => Assert.True(Of(record, what[..3] == "two" ? 2 : 1) is null, what);

    [Fact]
    public void Unknown_types_and_classes_are_passed_over()
    {
        Assert.Empty(Of("C00C FF01 0001 0000012C 0003 010203")!.Answers);
        Assert.Empty(Of("C00C 0001 0003 0000012C 0003 010203")!.Answers);
    }

    [Fact]
    public void A_time_to_live_with_the_top_bit_set_is_zero() =>
        Assert.Equal(TimeSpan.Zero, Of("C00C 0001 0001 80000001 0004 C0000201")!.Answers[0].TimeToLive);

    [Fact]
    public void A_query_asks_for_recursion_and_authenticity_and_announces_1232_octets()
    {
        var buffer = new byte[300];
        var question = Ask("Example.Test", DnsType.Txt);
        var length = DnsMessage.WriteQuery(0xBEEF, question.WireName.Span, DnsType.Txt, true, buffer);
        Assert.Equal(
            Hex("BEEF 0120 0001 0000 0000 0001 07 4578616D706C65 04 54657374 00 0010 0001 00 0029 04D0 00000000 0000"),
            buffer[..length]);
        Assert.Equal(length - 11, DnsMessage.WriteQuery(0xBEEF, question.WireName.Span, DnsType.Txt, false, buffer));
    }

    [Fact]
    public void Mutated_messages_are_read_or_refused_and_never_throw()
    {
        var random = new Random(20_300_102);
        byte[][] seeds = [Hex(MxResponse), Hex(TxtResponse), Hex(NegativeResponse)];
        var read = 0;
        for (var i = 0; i < 60_000; i++)
        {
            var seed = seeds[random.Next(seeds.Length)];
            var mutant = seed.AsSpan(0, random.Next(8) == 0 ? random.Next(seed.Length + 1) : seed.Length).ToArray();
            for (var n = random.Next(1, 6); n > 0 && mutant.Length > 0; n--)
            {
                mutant[random.Next(mutant.Length)] = random.Next(3) == 0 ? (byte)(0xC0 | random.Next(2)) : (byte)random.Next(256);
            }

            if (DnsMessage.TryParse(mutant, out var message))
            {
                read++;
                DnsReading.Of(message, "example.test", DnsType.Mx, 10);
            }

            DnsMatch.Of(seeds[0].AsSpan(0, 30), mutant);
        }

        Assert.InRange(read, 1_000, 59_000);
    }

    [Fact]
    public void Pointers_that_fan_out_cost_no_more_than_one_name_each()
    {
        // 64 kB of records whose owners all point at the longest chain of pointers that leads backwards.
        var octets = new byte[65_535];
        Hex("0001 8180 0000 FFFF 0000 0000").CopyTo(octets, 0);
        for (var at = 14; at + 12 < octets.Length; at += 2)
        {
            var back = Math.Min(at - 2, 0x3FFE);
            octets[at] = (byte)(0xC0 | (back >> 8));
            octets[at + 1] = (byte)back;
        }

        Assert.False(DnsMessage.TryParse(octets, out _));
    }

    private static DnsMessage? Of(string record, int count = 1) =>
        DnsMessage.TryParse(Hex($"0001 8180 0001 {count:X4} 0000 0000 07 6578616D706C65 04 74657374 00 000F 0001 {record}"), out var message) ? message : null;

    private static DnsQuestion Ask(string name, DnsType type)
    {
        byte[] wire = [.. name.Split('.').SelectMany(l => (byte[])[(byte)l.Length, .. Encoding.ASCII.GetBytes(l)]), 0];
        return new DnsQuestion(name.ToLowerInvariant(), type, wire);
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));
}
