using System.Net;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

public sealed class DnsResolverTests : DnsFixture
{
    [Fact]
    public async Task Every_type_is_found()
    {
        Server.Mx("example.test", 10, "MX1.example.test").Mx("example.test", 20, "mx2.example.test")
            .A("mx1.example.test", "127.0.0.2").Aaaa("mx1.example.test", "::1")
            .Txt("example.test", "v=spf1 -all").Cname("www.example.test", "mx1.example.test")
            .Ptr("127.0.0.2", "mx1.example.test").Tlsa("_25._tcp.mx1.example.test", 3, 1, 1, [1, 2, 3]);
        var resolver = Resolver();

        var mx = await Ask(resolver, "Example.TEST.", DnsType.Mx);
        Assert.Equal((DnsStatus.Found, "example.test", DnsType.Mx), (mx.Status, mx.Name, mx.Type));
        Assert.Equal([(10, "mx1.example.test"), (20, "mx2.example.test")], mx.Records.Cast<MxRecord>().Select(r => (r.Preference, r.Exchange)));
        Assert.Equal("127.0.0.2", AddressOf(await Ask(resolver, "mx1.example.test")));
        Assert.Equal("::1", AddressOf(await Ask(resolver, "mx1.example.test", DnsType.Aaaa)));
        Assert.Equal("v=spf1 -all", Assert.IsType<TxtRecord>((await Ask(resolver, "example.test", DnsType.Txt)).Records[0]).Text);
        Assert.Equal("mx1.example.test", Assert.IsType<CnameRecord>((await Ask(resolver, "www.example.test", DnsType.Cname)).Records[0]).Target);
        var reverse = DnsResolver.ReverseName(IPAddress.Parse("127.0.0.2"));
        Assert.Equal("mx1.example.test", Assert.IsType<PtrRecord>((await Ask(resolver, reverse, DnsType.Ptr)).Records[0]).Target);
        Assert.Equal(3, Assert.IsType<TlsaRecord>((await Ask(resolver, "_25._tcp.mx1.example.test", DnsType.Tlsa)).Records[0]).Data.Length);
        Assert.Matches("^127.0.0.1:[0-9]+ said 2 Mx for example.test by UDP in 0 ms$", mx.Detail);
    }

    [Fact]
    public async Task The_four_kinds_of_no_are_told_apart()
    {
        Server.A("here.test", "127.0.0.2").ServFail("broken.test").Drop("silent.test");
        var resolver = Resolver(new DnsResolverOptions { Rounds = 1 });
        Assert.Equal(DnsStatus.NoData, (await Ask(resolver, "here.test", DnsType.Mx)).Status);
        Assert.Equal(DnsStatus.NoSuchDomain, (await Ask(resolver, "gone.test", DnsType.Mx)).Status);
        Assert.Equal(DnsStatus.ServerFailed, (await Ask(resolver, "broken.test", DnsType.Mx)).Status);

        var silent = Ask(resolver, "silent.test", DnsType.Mx);
        await Server.WhenQueries("silent.test", 1);
        Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(DnsStatus.NoAnswer, (await silent).Status);
        Assert.Contains("no answer in 2000 ms", (await silent).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_above_another_exists() =>
        Assert.Equal(DnsStatus.NoData, (await Ask(With(Server.A("a.b.test", "127.0.0.2")), "b.test")).Status);

    [Fact]
    public async Task A_null_MX_is_seen()
    {
        var answer = await Ask(With(Server.NullMx("nomail.test")), "nomail.test", DnsType.Mx);
        Assert.True(answer.IsNullMx);
        Assert.Equal("", Assert.IsType<MxRecord>(answer.Records[0]).Exchange);
        Server.Mx("mail.test", 0, "mx.test");
        Assert.False((await Ask(Resolver(), "mail.test", DnsType.Mx)).IsNullMx);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 3)]
    public async Task Aliases_are_followed_whether_or_not_the_server_does(bool serverFollows, int queries)
    {
        Server.FollowAliases = serverFollows;
        Server.Cname("a.test", "b.test").Cname("b.test", "c.test").A("c.test", "127.0.0.3");
        var answer = await Ask(Resolver(), "a.test");
        Assert.Equal(("127.0.0.3", "c.test", "a.test"), (AddressOf(answer), answer.CanonicalName, answer.Name));
        Assert.Equal(queries, Server.QueryCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_alias_of_nothing_does_not_exist(bool serverFollows)
    {
        Server.FollowAliases = serverFollows;
        var answer = await Ask(With(Server.Cname("a.test", "gone.test")), "a.test", DnsType.Mx);
        Assert.Equal((DnsStatus.NoSuchDomain, "gone.test"), (answer.Status, answer.CanonicalName));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_alias_loop_ends_as_a_failure(bool serverFollows)
    {
        Server.FollowAliases = serverFollows;
        Server.NegativeTtl = null;
        var answer = await Ask(With(Server.Cname("a.test", "b.test").Cname("b.test", "a.test")), "a.test");
        Assert.Equal(DnsStatus.ServerFailed, answer.Status);
        Assert.InRange(Server.QueryCount, 1, 12);
    }

    [Fact]
    public async Task The_AD_bit_counts_only_if_every_response_has_it()
    {
        Server.Authenticated = true;
        Server.FollowAliases = false;
        Server.Cname("a.test", "b.test").A("b.test", "127.0.0.3");
        Assert.True((await Ask(Resolver(), "a.test")).Authenticated);

        Server.Hold("b.test");
        var answer = Ask(Resolver(), "a.test");
        await Server.WhenQueries("b.test", 2);
        Server.Authenticated = false;
        Server.Release("b.test");
        Assert.False((await answer).Authenticated);
    }

    [Theory]
    [InlineData("a..test")]
    [InlineData("büro.test")]
    public async Task A_name_that_cannot_exist_is_answered_without_asking(string name)
    {
        var query = Resolver().QueryAsync(name, DnsType.Mx, CancellationToken.None);
        Assert.True(query.IsCompletedSuccessfully);
        Assert.Equal(DnsStatus.NoSuchDomain, (await query).Status);
        Assert.Equal(0, Server.QueryCount);
    }

    [Fact]
    public async Task Callers_who_ask_the_same_share_one_query_and_one_who_leaves_does_not_end_it()
    {
        Server.A("slow.test", "127.0.0.4").Hold("slow.test");
        var resolver = Resolver();
        using var impatient = new CancellationTokenSource();
        var first = resolver.QueryAsync("slow.test", DnsType.A, impatient.Token).AsTask();
        var others = Enumerable.Range(0, 20).Select(_ => Ask(resolver, "SLOW.test")).ToArray();
        await Server.WhenQueries("slow.test", 1);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Server.Release("slow.test");
        Assert.All(await Task.WhenAll(others), a => Assert.Equal("127.0.0.4", AddressOf(a)));
        Assert.Equal((1, 20), (Server.QueryCount, Counts.JoinedCount));
    }

    [Fact]
    public async Task The_deadline_ends_a_query_whatever_is_left_to_try()
    {
        Server.Drop("silent.test");
        var resolver = Resolver(new DnsResolverOptions { Rounds = 10, QueryDeadline = TimeSpan.FromSeconds(5) });
        var answer = Ask(resolver, "silent.test");
        var asked = 0;
        foreach (var seconds in (int[])[2, 2, 1])
        {
            await Server.WhenQueries(++asked);
            Time.Advance(TimeSpan.FromSeconds(seconds));
        }

        Assert.Equal(DnsStatus.NoAnswer, (await answer).Status);
        Assert.EndsWith("no answer before the deadline; gave up after 5000 ms", (await answer).Detail, StringComparison.Ordinal);
        Assert.Equal(3, Server.QueryCount);
    }

    [Fact]
    public async Task No_more_queries_are_on_the_network_than_allowed()
    {
        Server.A("slow.test", "127.0.0.4").Hold("slow.test").A("other.test", "127.0.0.5");
        var resolver = Resolver(new DnsResolverOptions { MaxConcurrentQueries = 1, AttemptTimeout = TimeSpan.FromMinutes(1) });
        var slow = Ask(resolver, "slow.test");
        await Server.WhenQueries(1);
        var other = Ask(resolver, "other.test");

        // Both deadlines and the attempt of the one that may ask.
        await Time.WhenTimers(3);
        Assert.Equal(1, Server.QueryCount);
        Server.Release("slow.test");
        Assert.Equal("127.0.0.5", AddressOf(await other));
        await slow;
    }

    [Fact]
    public async Task However_many_names_have_servers_that_do_not_answer_a_newcomer_is_asked_as_soon_as_one_was_waited_for()
    {
        Server.A("new.test", "127.0.0.5");
        var resolver = Resolver(new DnsResolverOptions { MaxConcurrentQueries = 4, QueryDeadline = TimeSpan.FromMinutes(10) });
        var silent = Enumerable.Range(0, 50).Select(i => Server.Drop($"silent{i}.test")).Select((_, i) => Ask(resolver, $"silent{i}.test")).ToList();
        await Server.WhenQueries(4);
        await Time.WhenTimers(50 + 4);
        var newcomer = Ask(resolver, "new.test");
        await Wait.UntilAsync(() => resolver.Waiting == 47, "all but four wait");
        Time.Advance(TimeSpan.FromSeconds(2));

        // In the order of asking it would be the fifty-first.
        Assert.Equal("127.0.0.5", AddressOf(await newcomer));
        Assert.InRange(Server.QueryCount, 5, 4 + 4 + 1);
        Assert.DoesNotContain(silent, s => s.IsCompleted);
    }

    [Fact]
    public async Task A_stopped_resolver_answers_those_who_wait_and_takes_no_more()
    {
        Server.Drop("silent.test");
        var resolver = Resolver();
        var waiting = Ask(resolver, "silent.test");
        await Server.WhenQueries(1);
        resolver.Dispose();
        Assert.Equal(DnsStatus.NoAnswer, (await waiting).Status);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Ask(resolver, "silent.test"));
    }

    private DnsResolver With(LoopbackDns server) => Resolver(null, server.EndPoint);
}
