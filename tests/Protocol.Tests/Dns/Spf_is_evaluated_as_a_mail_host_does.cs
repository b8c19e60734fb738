using System.Net;
using EmailService.Dns;
using EmailService.Dns.Spf;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>The rules of RFC 7208, one by one, over a real DNS server on loopback.</summary>
public sealed class Spf_is_evaluated_as_a_mail_host_does : IAsyncDisposable
{
    private const string Us = "192.0.2.10";
    private const string Six = "2001:db8::10";
    private readonly LoopbackDns dns = new();
    private readonly DnsResolver resolver;

    public Spf_is_evaluated_as_a_mail_host_does()
    {
        resolver = DnsTransports.Resolver(
            new DnsResolverOptions { Servers = [dns.EndPoint], Rounds = 1, FailureTtl = TimeSpan.Zero }, TimeProvider.System);
        dns.A("host.example", Us).Aaaa("host.example", Six).A("near.example", "192.0.2.77").A("far.example", "198.51.100.1")
            .Mx("mx.example", 20, "far.example").Mx("mx.example", 10, "host.example").Mx("null.example", 0, "")
            .Txt("pass.example", "v=spf1 ip4:192.0.2.10 -all").Txt("fail.example", "v=spf1 -all").Txt("soft.example", "v=spf1 ~all").Txt("neutral.example", "v=spf1 ?all")
            .Txt("silent-end.example", "v=spf1").Txt("broken.example", "v=spf1 ip4:300.1.1.1").Txt("loop.example", "v=spf1 include:loop.example")
            .Txt("circle.example", "v=spf1 redirect=circle.example").Txt("two.example", "v=spf1 -all").Txt("two.example", "v=spf1 +all")
            .Txt("other.example", "something else").Txt("other.example", "v=spf1 ip4:192.0.2.10").Txt("other.example", "v=spf10 -all")
            .Ptr(Us, "host.example").Ptr(Us, "liar.example").A("liar.example", "198.51.100.9")
            .A("10.2.0.192.allow.example", "127.0.0.2").A("bounce.l.example", "127.0.0.2")
            .A($"{string.Join('.', Reversed(Six))}.six.example", "127.0.0.2")
            .ServFail("servfail.example");
        for (var i = 0; i < 11; i++)
        {
            dns.Mx("eleven.example", i, $"h{i}.example").A($"h{i}.example", $"198.51.100.{i + 20}");
            dns.Txt($"chain{i}.example", $"v=spf1 include:chain{i + 1}.example -all").Txt($"ok{i}.example", "v=spf1 ip4:198.51.100.200 -all");
        }

        dns.Txt("chain11.example", "v=spf1 +all");
    }

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
    }

    public static TheoryData<string, string, SpfVerdict> Records { get; } = new()
    {
        // §4.6.2: the first term that matches decides, by its qualifier; nothing that matches is neutral (§4.7).
        { "v=spf1", Us, SpfVerdict.Neutral },
        { "v=spf1 ", Us, SpfVerdict.Neutral },
        { "V=SPF1 -ALL", Us, SpfVerdict.Fail },
        { "v=spf1 +all", Us, SpfVerdict.Pass },
        { "v=spf1 all", Us, SpfVerdict.Pass },
        { "v=spf1 ?all", Us, SpfVerdict.Neutral },
        { "v=spf1 ~all", Us, SpfVerdict.SoftFail },
        { "v=spf1 -ip4:192.0.2.10 +all", Us, SpfVerdict.Fail },
        { "v=spf1   ip4:192.0.2.10   -all  ", Us, SpfVerdict.Pass },

        // §5.6: ip4 and ip6.
        { "v=spf1 ip4:192.0.2.10 -all", Us, SpfVerdict.Pass },
        { "v=spf1 ip4:192.0.2.11 -all", Us, SpfVerdict.Fail },
        { "v=spf1 ip4:192.0.2.0/24 -all", Us, SpfVerdict.Pass },
        { "v=spf1 ip4:192.0.2.99/24 -all", Us, SpfVerdict.Pass },
        { "v=spf1 ip4:192.0.2.0/29 -all", Us, SpfVerdict.Fail },
        { "v=spf1 ip4:203.0.113.1/0 -all", Us, SpfVerdict.Pass },
        { "v=spf1 ip4:192.0.2.10/33 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:192.0.2.10/032 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:192.0.2.10/ -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:192.0.2 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:192.0.2.010 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4: -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:2001:db8::10 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip6:2001:db8::10 -all", Six, SpfVerdict.Pass },
        { "v=spf1 ip6:2001:db8::/32 -all", Six, SpfVerdict.Pass },
        { "v=spf1 ip6:2001:db9::/32 -all", Six, SpfVerdict.Fail },
        { "v=spf1 ip6:192.0.2.10 -all", Us, SpfVerdict.PermError },
        { "v=spf1 ip6:2001:db8::10/129 -all", Six, SpfVerdict.PermError },
        { "v=spf1 ip6:2001:db8::/32 -all", Us, SpfVerdict.Fail },
        { "v=spf1 ip4:192.0.2.10 -all", "::ffff:192.0.2.10", SpfVerdict.Pass },
        { "v=spf1 ip6:fe80::1%eth0 -all", Six, SpfVerdict.PermError },

        // §5.3: a.
        { "v=spf1 a:host.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:host.example -all", Six, SpfVerdict.Pass },
        { "v=spf1 A:HOST.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:host.example. -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:near.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 a:near.example/24 -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:near.example//64 -all", Us, SpfVerdict.Fail },
        { "v=spf1 a:host.example/32//64 -all", Six, SpfVerdict.Pass },
        { "v=spf1 a:host.example/33 -all", Us, SpfVerdict.PermError },
        { "v=spf1 a:host.example//129 -all", Us, SpfVerdict.PermError },
        { "v=spf1 a: -all", Us, SpfVerdict.PermError },
        { "v=spf1 a:host -all", Us, SpfVerdict.PermError },
        { "v=spf1 a:host.123 -all", Us, SpfVerdict.PermError },
        { "v=spf1 a=host.example -all", Us, SpfVerdict.Fail }, // a modifier that nobody knows
        { "v=spf1 a -all", Us, SpfVerdict.Fail },

        // §5.4: mx.
        { "v=spf1 mx:mx.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 mx:mx.example -all", Six, SpfVerdict.Pass },
        { "v=spf1 mx:null.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 mx:far.example -all", Us, SpfVerdict.Fail }, // no MX there; the address is not taken for one
        { "v=spf1 mx:eleven.example -all", Us, SpfVerdict.PermError },

        // §5.2: include takes over a pass, and errors.
        { "v=spf1 include:pass.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 ~include:pass.example -all", Us, SpfVerdict.SoftFail },
        { "v=spf1 include:fail.example ?all", Us, SpfVerdict.Neutral },
        { "v=spf1 include:soft.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 include:neutral.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 include:silent-end.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 include:none.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 include:broken.example +all", Us, SpfVerdict.PermError },
        { "v=spf1 include:servfail.example +all", Us, SpfVerdict.TempError },
        { "v=spf1 include:two.example +all", Us, SpfVerdict.PermError },
        { "v=spf1 include:other.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 include:loop.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 include -all", Us, SpfVerdict.PermError },
        { "v=spf1 include: -all", Us, SpfVerdict.PermError },

        // §5.7: exists, and macros (§7).
        { "v=spf1 exists:far.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 exists:far.example -all", Six, SpfVerdict.Pass },
        { "v=spf1 exists:none.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 exists:%{ir}.allow.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 exists:%{ir}.allow.example -all", "192.0.2.11", SpfVerdict.Fail },
        { "v=spf1 exists:%{ir}.six.example -all", Six, SpfVerdict.Pass },
        { "v=spf1 exists:%{l}.l.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:%{h} -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:%{p} -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:%{d1r}.%{o} -all", Us, SpfVerdict.Fail },
        { "v=spf1 a:host.%{d1} -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:%{h2-} -all", Us, SpfVerdict.Pass },
        { "v=spf1 exists:%{x}.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 exists:%{t}.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 exists:%{d0}.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 exists:%{d -all", Us, SpfVerdict.PermError },
        { "v=spf1 exists:%d.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 exists:%%.far.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 exists:%", Us, SpfVerdict.PermError },

        // §5.5: ptr, by names that lead back.
        { "v=spf1 ptr:host.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 ptr:liar.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 ptr -all", Us, SpfVerdict.Fail },

        // §6: modifiers.
        { "v=spf1 redirect=pass.example", Us, SpfVerdict.Pass },
        { "v=spf1 redirect=fail.example ip4:192.0.2.10", Us, SpfVerdict.Pass },
        { "v=spf1 redirect=none.example", Us, SpfVerdict.PermError },
        { "v=spf1 redirect=pass.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 redirect=circle.example", Us, SpfVerdict.PermError },
        { "v=spf1 redirect=pass.example redirect=pass.example", Us, SpfVerdict.PermError },
        { "v=spf1 redirect= -all", Us, SpfVerdict.PermError },
        { "v=spf1 exp=a.example exp=b.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 exp=why.example -all", Us, SpfVerdict.Fail },
        { "v=spf1 unknown=%{d} ip4:192.0.2.10 -all", Us, SpfVerdict.Pass },
        { "v=spf1 unknown=%{x} -all", Us, SpfVerdict.PermError },

        // §4.6: a mistake anywhere is an error, behind a match too.
        { "v=spf1 ip4:192.0.2.10 mistake -all", Us, SpfVerdict.PermError },
        { "v=spf1 +all ip4:300.0.0.1", Us, SpfVerdict.PermError },
        { "v=spf1 -all:foo", Us, SpfVerdict.PermError },
        { "v=spf1 all/8", Us, SpfVerdict.PermError },
        { "v=spf1 1 -all", Us, SpfVerdict.PermError },
        { "v=spf1 - all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:192.0.2.10\t-all", Us, SpfVerdict.PermError },
        { "v=spf1 ip4:192.0.2.10, -all", Us, SpfVerdict.PermError },
        { "v=spf1 ipv4:192.0.2.10 -all", Us, SpfVerdict.PermError },
        { "v=spf1 a:h\u00f6st.example -all", Us, SpfVerdict.PermError },

        // §4.6.4: ten terms that ask, and two look-ups that find nothing.
        { "v=spf1 " + Repeat("include:ok{0}.example ", 9) + "a:host.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 " + Repeat("include:ok{0}.example ", 10) + "a:host.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 " + Repeat("ip4:198.51.100.{0} ", 30) + "a:host.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 include:chain0.example -all", Us, SpfVerdict.PermError }, // eleven deep
        { "v=spf1 include:chain2.example -all", Us, SpfVerdict.Pass }, // ten
        { "v=spf1 a:n1.example a:n2.example a:host.example -all", Us, SpfVerdict.Pass },
        { "v=spf1 a:n1.example a:n2.example a:n3.example a:host.example -all", Us, SpfVerdict.PermError },
        { "v=spf1 a:servfail.example +all", Us, SpfVerdict.TempError },
        { "v=spf1 ip4:192.0.2.10 a:servfail.example", Us, SpfVerdict.Pass },
    };

    [Theory]
    [MemberData(nameof(Records))]
    public async Task A_record_means_what_RFC_7208_says(string record, string address, SpfVerdict expected)
    {
        dns.Txt("bounces.shop.example", record);

        var result = await new SpfEvaluator(resolver).EvaluateAsync(Question("bounces.shop.example", address), CancellationToken.None);

        Assert.True(result.Verdict == expected, $"{result.Verdict}: {result.Detail}");
        Assert.InRange(result.LookUps, 0, SpfEvaluator.MaxLookUps + 1);
        Assert.NotEmpty(result.Detail);
    }

    [Theory]
    [InlineData("none.example", SpfVerdict.None)]
    [InlineData("servfail.example", SpfVerdict.TempError)]
    [InlineData("two.example", SpfVerdict.PermError)]
    [InlineData("other.example", SpfVerdict.Pass)]
    public async Task The_record_is_the_one_that_begins_with_its_version(string domain, SpfVerdict expected) =>
        Assert.Equal(expected, (await new SpfEvaluator(resolver).EvaluateAsync(Question(domain, Us), CancellationToken.None)).Verdict);

    [Fact]
    public async Task No_record_makes_us_ask_without_end()
    {
        // Each of ten MX terms leads to ten hosts.
        for (var i = 0; i < 10; i++)
        {
            for (var j = 0; j < 10; j++)
            {
                dns.Mx($"wide{i}.example", j, $"w{i}-{j}.example").A($"w{i}-{j}.example", "198.51.100.77");
            }
        }

        dns.Txt("wide.example", "v=spf1 " + Repeat("mx:wide{0}.example ", 10) + "-all");
        var before = dns.QueryCount;

        var result = await new SpfEvaluator(resolver).EvaluateAsync(Question("wide.example", Us), CancellationToken.None);

        Assert.Equal(SpfVerdict.Fail, result.Verdict);
        Assert.InRange(dns.QueryCount - before, 1, 1 + 10 + 100);
    }

    [Fact]
    public async Task Whatever_a_record_says_the_evaluation_ends_in_a_verdict()
    {
        var pieces = new[] { "a", "mx", "ptr", "include", "exists", "ip4", "ip6", "all", "redirect=", "exp=", ":", "/", "//", "%{", "}", "%{i", "r", "d", "9", ".", "host.example", "192.0.2.10", "-", "~", "?", "+", " ", "\0", "\u00ff", "%%", "=", "_" };
        var random = new Random(20261201);
        var evaluator = new SpfEvaluator(resolver);
        for (var i = 0; i < 2000; i++)
        {
            var text = "v=spf1 " + string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => pieces[random.Next(pieces.Length)]));
            dns.Remove("random.example", DnsType.Txt).Txt("random.example", text);
            resolver.Clear();

            var result = await evaluator.EvaluateAsync(Question("random.example", i % 2 == 0 ? Us : Six), CancellationToken.None);

            // A text that cannot be read is the one kind that has a problem of syntax, and is an error.
            Assert.True(SpfSyntax.Problem(text) is null || result.Verdict == SpfVerdict.PermError, $"{text}: {result}");
        }
    }

    private static SpfQuestion Question(string domain, string address) => new(IPAddress.Parse(address), domain, "bounce", "host.example");

    private static string Repeat(string term, int times) =>
        string.Concat(Enumerable.Range(0, times).Select(i => string.Format(System.Globalization.CultureInfo.InvariantCulture, term, i)));

    private static IEnumerable<char> Reversed(string address) => Convert.ToHexStringLower(IPAddress.Parse(address).GetAddressBytes()).Reverse();
}
