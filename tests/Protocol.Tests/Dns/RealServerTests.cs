using System.Globalization;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>Our resolver and BIND: what a real server's answers mean.</summary>
public sealed class RealServerTests(RealServerTests.Bind bind) : IClassFixture<RealServerTests.Bind>
{
    private static readonly string LongText = "v=DKIM1; k=rsa; p=" + new string('A', 3000) + "; n=a \"quoted\" \\ backslash";

    [Fact]
    public async Task Every_type_is_found()
    {
        var mx = await Ask("mail.test", DnsType.Mx);
        Assert.Equal(DnsStatus.Found, mx.Status);
        Assert.Equal([(5, "mx1.mail.test"), (10, "mx2.mail.test")], mx.Records.Cast<MxRecord>().OrderBy(r => r.Preference).Select(r => (r.Preference, r.Exchange)));
        Assert.All(mx.Records, r => Assert.Equal(TimeSpan.FromSeconds(60), r.TimeToLive));
        Assert.False(mx.Authenticated);
        Assert.Equal("127.0.0.9", Address(await Ask("mx1.mail.test", DnsType.A)));
        Assert.Equal("2001:db8::9", Address(await Ask("mx1.mail.test", DnsType.Aaaa)));
        Assert.Equal("v=spf1 -all", Assert.IsType<TxtRecord>(Assert.Single((await Ask("mail.test", DnsType.Txt)).Records)).Text);
        var soa = Assert.IsType<SoaRecord>(Assert.Single((await Ask("mail.test", DnsType.Soa)).Records));
        Assert.Equal(("localhost", "hostmaster.mail.test", TimeSpan.FromSeconds(60)), (soa.PrimaryServer, soa.Mailbox, soa.Minimum));
        Assert.Equal("mx1.mail.test", Assert.IsType<PtrRecord>(Assert.Single((await Ask("9.0.0.127.in-addr.arpa", DnsType.Ptr)).Records)).Target);
        var tlsa = Assert.IsType<TlsaRecord>(Assert.Single((await Ask("_25._tcp.mx1.mail.test", DnsType.Tlsa)).Records));
        Assert.Equal((3, 1, 1), (tlsa.Usage, tlsa.Selector, tlsa.MatchingType));
        Assert.Equal(new string('A', 64), Convert.ToHexString(tlsa.Data.Span));
    }

    [Fact]
    public async Task A_name_in_capitals_is_the_same_name() =>
        Assert.Equal("127.0.0.9", Address(await Ask("MX1.Mail.Test.", DnsType.A)));

    [Fact]
    public async Task A_null_MX_is_seen()
    {
        var answer = await Ask("nomail.test", DnsType.Mx);
        Assert.Equal(DnsStatus.Found, answer.Status);
        Assert.True(answer.IsNullMx);
    }

    [Fact]
    public async Task A_text_too_long_for_a_datagram_comes_by_TCP_and_whole()
    {
        var answer = await Ask("long._domainkey.mail.test", DnsType.Txt);
        Assert.Equal(LongText, Assert.IsType<TxtRecord>(Assert.Single(answer.Records)).Text);
        Assert.Contains("by TCP", answer.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hundred_MX_records_are_read()
    {
        var answer = await Ask("many.test", DnsType.Mx);
        Assert.Equal(Enumerable.Range(1, 100), answer.Records.Cast<MxRecord>().Select(r => r.Preference).Order());
    }

    [Fact]
    public async Task A_chain_of_aliases_is_followed_also_into_another_zone()
    {
        var answer = await Ask("one.alias.test", DnsType.A);
        Assert.Equal(("127.0.0.9", "mx1.mail.test"), (Address(answer), answer.CanonicalName));
        Assert.Equal("two.alias.test", Assert.IsType<CnameRecord>(Assert.Single((await Ask("one.alias.test", DnsType.Cname)).Records)).Target);
    }

    [Fact]
    public async Task An_alias_of_a_name_without_such_a_record_is_no_data()
    {
        var answer = await Ask("one.alias.test", DnsType.Mx);
        Assert.Equal((DnsStatus.NoData, "mx1.mail.test"), (answer.Status, answer.CanonicalName));
    }

    [Fact]
    public async Task An_alias_of_nothing_does_not_exist()
    {
        var answer = await Ask("dangling.alias.test", DnsType.Mx);
        Assert.Equal((DnsStatus.NoSuchDomain, "gone.alias.test"), (answer.Status, answer.CanonicalName));
    }

    [Fact]
    public async Task An_alias_that_leads_out_of_what_the_server_knows_is_a_failure_and_no_statement_about_the_name()
    {
        var answer = await Ask("away.alias.test", DnsType.A);
        Assert.Equal(DnsStatus.ServerFailed, answer.Status);
    }

    [Fact]
    public async Task A_loop_of_aliases_is_a_failure() =>
        Assert.Equal(DnsStatus.ServerFailed, (await Ask("loop1.alias.test", DnsType.A)).Status);

    [Fact]
    public async Task The_kinds_of_no_are_told_apart()
    {
        Assert.Equal(DnsStatus.NoSuchDomain, (await Ask("gone.mail.test", DnsType.Mx)).Status);
        Assert.Equal(DnsStatus.NoData, (await Ask("mx1.mail.test", DnsType.Mx)).Status);
        Assert.Equal(DnsStatus.NoData, (await Ask("_tcp.mx1.mail.test", DnsType.A)).Status);

        var broken = await Ask("broken.test", DnsType.Mx);
        Assert.Equal(DnsStatus.ServerFailed, broken.Status);
        Assert.Contains("SERVFAIL", broken.Detail, StringComparison.Ordinal);

        var foreign = await Ask("foreign.example", DnsType.Mx);
        Assert.Equal(DnsStatus.ServerFailed, foreign.Status);
        Assert.Contains("REFUSED", foreign.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_negative_answer_is_kept_as_long_as_the_zone_says()
    {
        var now = TimeProvider.System.GetUtcNow();
        var answer = await Ask("gone.mail.test", DnsType.A);
        Assert.InRange(answer.ExpiresAt, now + TimeSpan.FromSeconds(60), now + TimeSpan.FromSeconds(90));
    }

    [Fact]
    public async Task A_wildcard_answers_in_the_name_asked_for() =>
        Assert.Equal("127.0.0.8", Address(await Ask("any.thing.wild.test", DnsType.A)));

    [Fact]
    public async Task A_validated_answer_is_authenticated()
    {
        await using var validating = await BindServer.StartValidatingAsync(bind.Server, "signed.test");
        using var resolver = Resolver(validating);
        var answer = await resolver.QueryAsync("_25._tcp.mx.signed.test", DnsType.Tlsa, CancellationToken.None);
        Assert.Equal((DnsStatus.Found, true), (answer.Status, answer.Authenticated));
        var none = await resolver.QueryAsync("gone.signed.test", DnsType.Tlsa, CancellationToken.None);
        Assert.Equal((DnsStatus.NoSuchDomain, true), (none.Status, none.Authenticated));
    }

    [Fact]
    public async Task An_answer_that_does_not_validate_is_a_failure()
    {
        await using var validating = await BindServer.StartValidatingAsync(bind.Server, "signed.test", rightKey: false);
        using var resolver = Resolver(validating);
        var answer = await resolver.QueryAsync("mx.signed.test", DnsType.A, CancellationToken.None);
        Assert.Equal((DnsStatus.ServerFailed, false), (answer.Status, answer.Authenticated));
    }

    [Fact]
    public async Task A_server_behind_a_firewall_that_drops_EDNS_is_reached_without_it()
    {
        await using var firewall = new EdnsFirewall(bind.Server.EndPoint);
        using var resolver = DnsTransports.Resolver(
            new DnsResolverOptions { Servers = [firewall.EndPoint], AttemptTimeout = TimeSpan.FromMilliseconds(500), QueryDeadline = TimeSpan.FromMinutes(1) },
            TimeProvider.System);
        Assert.Equal("127.0.0.9", Address(await resolver.QueryAsync("mx1.mail.test", DnsType.A, CancellationToken.None)));
        Assert.Equal(DnsStatus.NoSuchDomain, (await resolver.QueryAsync("gone.mail.test", DnsType.Mx, CancellationToken.None)).Status);
        Assert.True(firewall is { Dropped: > 0, Passed: > 1 });
    }

    [Fact]
    public async Task A_thousand_queries_at_once_are_all_answered()
    {
        // As patient as a busy machine needs: the server shares it.
        var patient = new DnsResolverOptions { Servers = [bind.Server.EndPoint], AttemptTimeout = TimeSpan.FromSeconds(20), QueryDeadline = TimeSpan.FromMinutes(1) };
        using var resolver = DnsTransports.Resolver(patient, TimeProvider.System);
        var answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i =>
            resolver.QueryAsync(string.Create(CultureInfo.InvariantCulture, $"h{i}.wild.test"), DnsType.A, CancellationToken.None).AsTask()));
        Assert.All(answers, a => Assert.True(a.Status == DnsStatus.Found, a.Detail));
    }

    private static DnsResolver Resolver(BindServer server) =>
        DnsTransports.Resolver(new DnsResolverOptions { Servers = [server.EndPoint] }, TimeProvider.System);

    private async Task<DnsAnswer> Ask(string name, DnsType type)
    {
        using var resolver = Resolver(bind.Server);
        return await resolver.QueryAsync(name, type, CancellationToken.None);
    }

    private static string Address(DnsAnswer answer) => Assert.IsType<AddressRecord>(Assert.Single(answer.Records)).Address.ToString();

    public sealed class Bind : IAsyncLifetime
    {
        internal BindServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await BindServer.StartAsync(b =>
            {
                b.Mx("mail.test", 10, "mx2.mail.test").Mx("mail.test", 5, "mx1.mail.test").Txt("mail.test", "v=spf1 -all")
                    .A("mx1.mail.test", "127.0.0.9").Aaaa("mx1.mail.test", "2001:db8::9").A("mx2.mail.test", "127.0.0.10")
                    .Add("_25._tcp.mx1.mail.test", "TLSA", "3 1 1 " + new string('A', 64))
                    .Txt("long._domainkey.mail.test", LongText).NullMx("nomail.test")
                    .AddZone("0.0.127.in-addr.arpa").Add("9.0.0.127.in-addr.arpa", "PTR", "mx1.mail.test.")
                    .Cname("one.alias.test", "two.alias.test").Cname("two.alias.test", "three.alias.test").Cname("three.alias.test", "mx1.mail.test")
                    .Cname("dangling.alias.test", "gone.alias.test").Cname("away.alias.test", "www.foreign.example")
                    .Cname("loop1.alias.test", "loop2.alias.test").Cname("loop2.alias.test", "loop1.alias.test")
                    .A("*.wild.test", "127.0.0.8").AddBrokenZone("broken.test")
                    .AddZone("signed.test", signed: true).A("mx.signed.test", "127.0.0.9")
                    .Add("_25._tcp.mx.signed.test", "TLSA", "3 1 1 " + new string('B', 64));
                // As many as BIND takes unless told otherwise.
                for (var i = 1; i <= 100; i++)
                {
                    b.Mx("many.test", i, string.Create(CultureInfo.InvariantCulture, $"mx{i}.many.test"));
                }
            });
        }

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
