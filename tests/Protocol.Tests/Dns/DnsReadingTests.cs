using System.Net;
using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>The rule of what follows from one response, a line each.</summary>
public sealed class DnsReadingTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public void The_shortest_time_to_live_of_the_chain_and_its_records_holds()
    {
        var reading = Read([Alias("a.test", "b.test", 50), Alias("b.test", "c.test", 70), Mx("c.test", 60), Mx("c.test", 40)]);
        Assert.Equal((ReadingKind.Found, "c.test", 2, 2), (reading.Kind, reading.LastName, reading.Aliases, reading.Records.Count));
        Assert.Equal(TimeSpan.FromSeconds(40), reading.Ttl);
    }

    [Fact]
    public void Records_of_names_that_were_not_asked_for_are_not_taken()
    {
        var reading = Read([Mx("other.test", 60), new AddressRecord("a.test", Minute, IPAddress.Loopback)], authorities: [Soa("test", 60, 60)]);
        Assert.Equal(ReadingKind.NoData, reading.Kind);
    }

    [Theory]
    [InlineData(600, 60, 60)]
    [InlineData(60, 600, 60)]
    public void A_negative_answer_holds_for_the_smaller_of_the_SOAs_time_to_live_and_minimum(int ttl, int minimum, int expected)
    {
        var reading = Read([], DnsResponseCode.NameError, [Soa("test", ttl, minimum)]);
        Assert.Equal((ReadingKind.NoSuchDomain, TimeSpan.FromSeconds(expected)), (reading.Kind, reading.Ttl));
    }

    [Fact]
    public void An_SOA_of_another_zone_says_nothing() =>
        Assert.Equal(TimeSpan.Zero, Read([], DnsResponseCode.NameError, [Soa("est", 60, 60), Soa("b.a.test", 60, 60)]).Ttl);

    [Fact]
    public void No_such_domain_after_an_alias_is_about_its_target()
    {
        var reading = Read([Alias("a.test", "gone.test", 30)], DnsResponseCode.NameError, [Soa("test", 60, 60)]);
        Assert.Equal((ReadingKind.NoSuchDomain, "gone.test", TimeSpan.FromSeconds(30)), (reading.Kind, reading.LastName, reading.Ttl));
    }

    [Fact]
    public void An_alias_without_its_target_is_left_to_ask() =>
        Assert.Equal((ReadingKind.Alias, "b.test"), (Read([Alias("a.test", "b.test", 30)]).Kind, Read([Alias("a.test", "b.test", 30)]).LastName));

    [Fact]
    public void An_alias_with_an_SOA_has_no_data() =>
        Assert.Equal(ReadingKind.NoData, Read([Alias("a.test", "b.test", 30)], authorities: [Soa("test", 60, 60)]).Kind);

    [Fact]
    public void An_alias_loop_is_no_answer() =>
        Assert.Equal(ReadingKind.Unusable, Read([Alias("a.test", "b.test", 30), Alias("b.test", "a.test", 30)]).Kind);

    [Fact]
    public void An_alias_itself_can_be_asked_for() =>
        Assert.Equal(ReadingKind.Found, DnsReading.Of(Message([Alias("a.test", "b.test", 30)]), "a.test", DnsType.Cname, 10).Kind);

    [Theory]
    [InlineData(DnsResponseCode.ServerFailure, "SERVFAIL")]
    [InlineData(DnsResponseCode.Refused, "REFUSED")]
    [InlineData((DnsResponseCode)9, "rcode 9")]
    public void Other_codes_are_no_answer(DnsResponseCode code, string why)
    {
        var reading = Read([Mx("a.test", 60)], code);
        Assert.Equal((ReadingKind.Unusable, why), (reading.Kind, reading.Why));
    }

    [Fact]
    public void No_such_domain_with_records_is_no_answer() =>
        Assert.Equal(ReadingKind.Unusable, Read([Mx("a.test", 60)], DnsResponseCode.NameError).Kind);

    [Fact]
    public void A_referral_is_no_answer() =>
        Assert.Equal(ReadingKind.Unusable, Read([], authorities: [new NsRecord("test", Minute, "ns.test")]).Kind);

    [Theory]
    [InlineData(false, false, ReadingKind.Unusable)]
    [InlineData(true, false, ReadingKind.NoSuchDomain)]
    [InlineData(false, true, ReadingKind.NoSuchDomain)]
    public void Only_an_authority_or_a_recursing_server_may_say_no(bool authoritative, bool recurses, object expected)
    {
        var message = Message([], DnsResponseCode.NameError, [Soa("test", 60, 60)]) with { IsAuthoritative = authoritative, RecursionAvailable = recurses };
        Assert.Equal(expected, DnsReading.Of(message, "a.test", DnsType.Mx, 10).Kind);
    }

    private static DnsReading Read(DnsRecord[] answers, DnsResponseCode code = DnsResponseCode.NoError, DnsRecord[]? authorities = null) =>
        DnsReading.Of(Message(answers, code, authorities), "a.test", DnsType.Mx, 10);

    private static DnsMessage Message(DnsRecord[] answers, DnsResponseCode code = DnsResponseCode.NoError, DnsRecord[]? authorities = null) =>
        new() { IsResponse = true, RecursionAvailable = true, ResponseCode = code, Answers = answers, Authorities = authorities ?? [] };

    private static CnameRecord Alias(string name, string target, int ttl) => new(name, TimeSpan.FromSeconds(ttl), target);

    private static MxRecord Mx(string name, int ttl) => new(name, TimeSpan.FromSeconds(ttl), 10, "mx.test");

    private static SoaRecord Soa(string zone, int ttl, int minimum) =>
        new(zone, TimeSpan.FromSeconds(ttl), "ns.test", "h.test", 1, Minute, Minute, Minute, TimeSpan.FromSeconds(minimum));
}
