using EmailService.Dns;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Messages;
using EmailService.Shaping;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Route;

/// <summary>Which policy a domain and its host get, from real DNS and HTTPS on loopback. The domain is example.test, its host mx.example.test.</summary>
public sealed class TlsPolicyTests : IAsyncLifetime
{
    private static readonly TestAuthority Root = TestAuthority.CreateRoot();
    private static readonly byte[] Hash = new byte[32];
    private readonly LoopbackDns dns = new() { Authenticated = true };
    private readonly ManualTime time = new(TimeProvider.System.GetUtcNow());
    private TestDatabase database = null!;
    private PolicyHost policyHost = null!;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        policyHost = await PolicyHost.StartAsync(Root.Issue(["mta-sts.example.test"]));
        dns.Mx("example.test", 10, "mx.example.test").A("mx.example.test", "127.0.0.1").A("mta-sts.example.test", "127.0.0.1");
    }

    public async ValueTask DisposeAsync()
    {
        await dns.DisposeAsync();
        await policyHost.DisposeAsync();
        await database.DisposeAsync();
    }

    [Theory]

    // DANE: every step signed, by a resolver that is trusted.
    [InlineData("tlsa", "dane", SmtpTlsMode.Dane)]
    [InlineData("tlsa, untrusted resolver", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("tlsa, mx unsigned", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("tlsa, host unsigned", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("tlsa, tlsa unsigned", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("tlsa, tlsa servfail", "refuse dane", null)]
    [InlineData("tlsa, host is alias", "dane", SmtpTlsMode.Dane)]
    [InlineData("tlsa at alias", "dane", SmtpTlsMode.Dane)]
    [InlineData("tlsa at alias into unsigned", "dane", SmtpTlsMode.Dane)]
    [InlineData("pkix tlsa", "dane", SmtpTlsMode.Dane)]
    [InlineData("nothing", "opportunistic", SmtpTlsMode.Opportunistic)]

    // MTA-STS, and who comes first.
    [InlineData("sts", "mta-sts", SmtpTlsMode.Verified)]
    [InlineData("sts, off", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("sts, not listed", "refuse mta-sts", null)]
    [InlineData("sts testing", "mta-sts-testing", SmtpTlsMode.Opportunistic)]
    [InlineData("sts testing, not listed", "mta-sts-testing", SmtpTlsMode.Opportunistic)]
    [InlineData("sts none", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("sts, bad certificate", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("sts, two records", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("sts, tlsa", "dane", SmtpTlsMode.Dane)]
    [InlineData("sts, not listed, tlsa", "dane", SmtpTlsMode.Dane)]
    [InlineData("sts, pkix tlsa", "mta-sts", SmtpTlsMode.Verified)]
    [InlineData("sts testing, pkix tlsa", "dane", SmtpTlsMode.Dane)]
    [InlineData("sts, tlsa, tlsa servfail", "refuse dane", null)]

    // What the operator says, and what the message asks.
    [InlineData("sts, override none", "override", SmtpTlsMode.None)]
    [InlineData("override required", "override", SmtpTlsMode.Required)]
    [InlineData("override verified", "override", SmtpTlsMode.Verified)]
    [InlineData("sts, tlsa, relax", "opportunistic", SmtpTlsMode.Opportunistic)]
    [InlineData("override required, relax", "override", SmtpTlsMode.Required)]
    [InlineData("sts, require", "mta-sts", SmtpTlsMode.Verified)]
    [InlineData("tlsa, require", "dane", SmtpTlsMode.Dane)]
    [InlineData("nothing, require", "refuse requiretls", null)]
    [InlineData("override required, require", "refuse requiretls", null)]
    public async Task A_host_gets_a_policy(string words, string policy, SmtpTlsMode? mode)
    {
        var has = words.Split(", ").ToHashSet();
        Publish(has);
        using var sut = Make(new RouteOptions
        {
            TrustedResolver = !has.Contains("untrusted resolver"),
            MtaSts = !has.Contains("off"),
            Tls = has.FirstOrDefault(w => w.StartsWith("override", StringComparison.Ordinal)) is { } demand
                ? new Dictionary<string, TlsDemand> { ["example.test"] = Enum.Parse<TlsDemand>(demand.Split(' ')[1], ignoreCase: true) }
                : new Dictionary<string, TlsDemand>(),
        });

        var wish = has.Contains("require") ? TlsWish.Require : has.Contains("relax") ? TlsWish.Relax : TlsWish.None;
        var decision = await sut.Finder.FindAsync("example.test", new MailHost("mx.example.test", 25), HostsOrigin.Mx, wish, TestContext.Current.CancellationToken);

        if (decision is TlsDecision.Use use)
        {
            Assert.Equal((policy, mode), (use.Policy.Name, use.Policy.Mode));
        }
        else
        {
            var refuse = (TlsDecision.Refuse)decision;
            Assert.Equal((policy, true), ("refuse " + refuse.Policy, refuse.Reply.IsLocal));
            Assert.Equal(has.Contains("require") ? "550 5.7.30" : "451 4.7.5 ", refuse.Reply.ToString()[..10]);
        }
    }

    [Fact]
    public async Task Dane_knows_the_names_and_the_base()
    {
        Publish(["tlsa", "host is alias"]);
        using var keyOnly = Make(new RouteOptions { TrustedResolver = true });
        Assert.Empty(((TlsDecision.Use)await keyOnly.FindAsync()).Policy.Names);
        dns.Tlsa("_25._tcp.real.example.test", 2, 1, 1, Hash);
        using var sut = Make(new RouteOptions { TrustedResolver = true });

        var use = (TlsDecision.Use)await sut.FindAsync();

        Assert.Equal(["real.example.test", "example.test"], use.Policy.Names);
        Assert.Equal("real.example.test", use.Policy.ServerName);
        Assert.Equal(["2 1 1 00000000…", "3 1 1 00000000…"], use.Policy.Tlsa.Select(r => r.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_cached_policy_outlives_its_host_and_its_record_and_a_new_id_brings_a_new_one()
    {
        Publish(["sts"]);
        using (var first = Make(new RouteOptions()))
        {
            Assert.Equal("mta-sts", await first.NameAsync());
            Assert.Equal("mta-sts", await first.NameAsync());
        }

        Assert.Equal(1, policyHost.Requests);

        // Another process, DNS without the record, and a host that fails: the table knows the policy.
        dns.Remove("_mta-sts.example.test");
        policyHost.Status = 500;
        using (var second = Make(new RouteOptions()))
        {
            Assert.Equal("mta-sts", await second.NameAsync());
            Assert.Equal(1, policyHost.Requests);

            // A new id and a fetch that fails: the old one holds, and the host is left in peace for a while.
            dns.Txt("_mta-sts.example.test", "v=STSv1; id=2");
            time.Advance(TimeSpan.FromHours(1));
            Assert.Equal("mta-sts", await second.NameAsync());
            Assert.Equal("mta-sts", await second.NameAsync());
            Assert.Equal(2, policyHost.Requests);

            policyHost.Status = 200;
            policyHost.Body = policyHost.Body.Replace("enforce", "testing", StringComparison.Ordinal);
            time.Advance(MtaStsPolicies.CoolDown + TimeSpan.FromSeconds(1));
            Assert.Equal("mta-sts-testing", await second.NameAsync());

            // Nothing answers any more, and the policy ends.
            dns.Remove("_mta-sts.example.test");
            time.Advance(TimeSpan.FromSeconds(86_400));
            Assert.Equal("opportunistic", await second.NameAsync());
        }
    }

    [Fact]
    public async Task Policies_are_renewed_at_half_of_their_life_whatever_DNS_says_and_kept_when_that_fails()
    {
        Publish(["sts"]);
        using var sut = Make(new RouteOptions());
        await sut.NameAsync();
        Assert.StartsWith("0 policies fetched anew, 0 ", await sut.RefreshAsync(), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromHours(12));
        dns.Remove("_mta-sts.example.test");

        Assert.StartsWith("1 policies fetched anew, 0 ", await sut.RefreshAsync(), StringComparison.Ordinal);
        Assert.StartsWith("0 policies fetched anew, 0 ", await sut.RefreshAsync(), StringComparison.Ordinal);
        policyHost.Status = 500;
        time.Advance(TimeSpan.FromHours(20));
        Assert.StartsWith("0 policies fetched anew, 1 ", await sut.RefreshAsync(), StringComparison.Ordinal);
        Assert.Equal("mta-sts", await sut.NameAsync());
        Assert.Equal(3, policyHost.Requests);
    }

    [Theory]
    [InlineData(25, TlsDemand.Opportunistic, SmtpTlsMode.Opportunistic, false)]
    [InlineData(587, TlsDemand.Verified, SmtpTlsMode.Verified, false)]
    [InlineData(465, TlsDemand.Opportunistic, SmtpTlsMode.Required, true)]
    [InlineData(465, TlsDemand.Verified, SmtpTlsMode.Verified, true)]
    public async Task A_relay_gets_what_the_operator_asks(int port, TlsDemand demand, SmtpTlsMode mode, bool isImplicit)
    {
        using var sut = Make(new RouteOptions());

        var use = (TlsDecision.Use)await sut.Finder.FindAsync(
            "example.test", new RelaySettings { Host = $"relay.test:{port}", Tls = demand }.ToHost(), HostsOrigin.Relay, TlsWish.None, TestContext.Current.CancellationToken);

        Assert.Equal((mode, isImplicit), (use.Policy.Mode, use.Policy.IsImplicit));
    }

    [Theory]
    [InlineData(null, null, PasswordGoesTo.VerifiedHost, "Opportunistic")]
    [InlineData(null, TlsDemand.None, PasswordGoesTo.VerifiedHost, "None")]
    [InlineData(null, TlsDemand.Required, PasswordGoesTo.VerifiedHost, "Required")]
    [InlineData("us", null, PasswordGoesTo.VerifiedHost, "Verified")]
    [InlineData("us", TlsDemand.Verified, PasswordGoesTo.VerifiedHost, "Verified")]
    [InlineData("us", TlsDemand.Required, PasswordGoesTo.VerifiedHost, "found \"required\" together with User, expected \"verified\"")]
    [InlineData("us", TlsDemand.Opportunistic, PasswordGoesTo.VerifiedHost, "found \"opportunistic\" together with User, expected \"verified\"")]
    [InlineData("us", TlsDemand.None, PasswordGoesTo.VerifiedHost, "found \"none\" together with User, expected TLS")]
    [InlineData("us", null, PasswordGoesTo.WhoeverAnswers, "Required")]
    [InlineData("us", TlsDemand.Required, PasswordGoesTo.WhoeverAnswers, "Required")]
    [InlineData("us", TlsDemand.Opportunistic, PasswordGoesTo.WhoeverAnswers, "Opportunistic")]
    [InlineData("us", TlsDemand.Verified, PasswordGoesTo.WhoeverAnswers, "Verified")]
    [InlineData("us", TlsDemand.None, PasswordGoesTo.WhoeverAnswers, "found \"none\" together with User, expected TLS")]
    public void A_relays_password_goes_to_a_verified_host_unless_the_operator_says_otherwise_in_as_many_words(
        string? user, TlsDemand? tls, PasswordGoesTo goesTo, string expected)
    {
        var relay = new RelaySettings { Host = "relay.test", Tls = tls, User = user, Password = user is null ? null : "secret", PasswordGoesTo = goesTo };
        var route = new RouteOptions { Relay = "relay.test", RelayTls = tls, RelayUser = relay.User, RelayPassword = relay.Password, RelayPasswordGoesTo = goesTo };

        var (ofRelay, ofRoute) = (relay.Check().ToList(), route.Check().ToList());

        if (expected.StartsWith("found", StringComparison.Ordinal))
        {
            Assert.StartsWith(expected, Assert.Single(ofRelay).Problem, StringComparison.Ordinal);
            Assert.StartsWith(expected.Replace("User", "RelayUser", StringComparison.Ordinal), Assert.Single(ofRoute).Problem, StringComparison.Ordinal);
            Assert.Equal(("Tls", "RelayTls"), (ofRelay[0].Key, ofRoute[0].Key));
            Assert.Equal(
                tls != TlsDemand.None, ofRoute[0].Problem.Contains("say so with RelayPasswordGoesTo = \"WhoeverAnswers\"", StringComparison.Ordinal));
            return;
        }

        Assert.Empty(ofRelay.Concat(ofRoute));
        Assert.Equal((expected, expected), (relay.TlsInForce.ToString(), route.RelayFor("a.test", null)!.Value.Relay.TlsInForce.ToString()));
    }

    [Theory]
    [InlineData(SmtpTlsMode.Opportunistic, SmtpTlsMode.None, false)]
    [InlineData(SmtpTlsMode.None, SmtpTlsMode.None, true)]
    [InlineData(SmtpTlsMode.Required, SmtpTlsMode.Required, true)]
    [InlineData(SmtpTlsMode.Verified, SmtpTlsMode.Verified, true)]
    [InlineData(SmtpTlsMode.Dane, SmtpTlsMode.Dane, true)]
    public void Without_STARTTLS_a_policy_that_demands_TLS_wins_and_nothing_is_reported_where_none_does(SmtpTlsMode mode, SmtpTlsMode left, bool isCounted)
    {
        var use = new TlsDecision.Use(SmtpTlsPolicy.Of(mode), "because") { Applied = new AppliedTlsPolicy(TlsPolicyType.NoneFound, "a.test") };

        var shaped = use.Without(new Limit<SmtpExtensions>(SmtpExtensions.StartTls | SmtpExtensions.Chunking, "domains.a.test (mine)"));

        Assert.Equal((left, isCounted), (shaped.Policy.Mode, shaped.Applied is not null));
        Assert.Equal(shaped.Policy.IsMandatory || mode == SmtpTlsMode.Opportunistic, shaped.Why.Contains("domains.a.test (mine)", StringComparison.Ordinal));
        Assert.Same(use, use.Without(new Limit<SmtpExtensions>(SmtpExtensions.Chunking, "x")));
    }

    private void Publish(IEnumerable<string> words)
    {
        var has = words.ToHashSet();
        if (has.Contains("host is alias"))
        {
            dns.Remove("mx.example.test").Cname("mx.example.test", "real.example.test").A("real.example.test", "127.0.0.1");
        }

        if (has.Contains("tlsa"))
        {
            dns.Tlsa(has.Contains("host is alias") ? "_25._tcp.real.example.test" : "_25._tcp.mx.example.test", 3, 1, 1, Hash);
        }

        if (has.Contains("pkix tlsa"))
        {
            dns.Tlsa("_25._tcp.mx.example.test", 1, 1, 1, Hash);
        }

        if (has.Contains("tlsa at alias") || has.Contains("tlsa at alias into unsigned"))
        {
            var target = has.Contains("tlsa at alias") ? "real.example.test" : "elsewhere.test";
            dns.Remove("mx.example.test").Cname("mx.example.test", target).A(target, "127.0.0.1").Tlsa("_25._tcp.mx.example.test", 3, 1, 1, Hash);
            dns.Unsigned.Add("elsewhere.test");
        }

        if (has.Contains("mx unsigned"))
        {
            dns.Unsigned.Add("example.test");
        }

        if (has.Contains("host unsigned"))
        {
            dns.Unsigned.Add("mx.example.test");
        }

        if (has.Contains("tlsa unsigned"))
        {
            dns.Unsigned.Add("_25._tcp.mx.example.test");
        }

        if (has.Contains("tlsa servfail"))
        {
            dns.ServFail("_25._tcp.mx.example.test");
        }

        if (has.FirstOrDefault(w => w.StartsWith("sts", StringComparison.Ordinal)) is { } sts)
        {
            dns.Txt("_mta-sts.example.test", "v=STSv1; id=1");
            policyHost.Body = (sts == "sts none" ? "version: STSv1\nmode: none\nmax_age: 86400" : policyHost.Body)
                .Replace("enforce", sts == "sts testing" ? "testing" : "enforce", StringComparison.Ordinal)
                .Replace("mx.example.test", has.Contains("not listed") ? "other.example.test" : "mx.example.test", StringComparison.Ordinal);
            policyHost.Certificate = has.Contains("bad certificate") ? ScriptedMx.CreateCertificate("mta-sts.example.test") : policyHost.Certificate;
        }

        if (has.Contains("two records"))
        {
            dns.Txt("_mta-sts.example.test", "v=STSv1; id=2");
        }
    }

    private Sut Make(RouteOptions options) => new(this, options);

    private sealed class Sut : IDisposable
    {
        private readonly MtaStsFetcher fetcher;

        public Sut(TlsPolicyTests test, RouteOptions options)
        {
            // Nothing is cached in the resolver: these tests change what DNS says.
            var resolver = new DnsResolver(new DnsResolverOptions { Servers = [test.dns.EndPoint], CacheEntries = 0 }, TimeProvider.System);
            fetcher = new MtaStsFetcher(new StrangersHttps(resolver, new TlsTrust([Root.Certificate]), TimeProvider.System), AllowedAddresses.All, new MtaStsFetchSettings { Port = test.policyHost.Port }, TimeProvider.System);
            Policies = new MtaStsPolicies(resolver, fetcher, new MtaStsStore(test.database.DataSource), test.time, NullLogger<MtaStsPolicies>.Instance);
            Finder = new TlsPolicyFinder(new DaneLookup(resolver), Policies, options);
        }

        public MtaStsPolicies Policies { get; }

        public TlsPolicyFinder Finder { get; }

        public ValueTask<TlsDecision> FindAsync() => Finder.FindAsync(
            "example.test", new MailHost("mx.example.test", 25), HostsOrigin.Mx, TlsWish.None, TestContext.Current.CancellationToken);

        public Task<string> RefreshAsync() => new MtaStsRefresh(Policies, new RouteOptions()).ExecuteAsync(TestContext.Current.CancellationToken);

        public async Task<string> NameAsync() => ((TlsDecision.Use)await FindAsync()).Policy.Name;

        public void Dispose()
        {
            fetcher.Dispose();
            Policies.Dispose();
        }
    }
}
