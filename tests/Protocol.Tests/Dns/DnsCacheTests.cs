using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

public sealed class DnsCacheTests : DnsFixture
{
    [Fact]
    public async Task An_answer_is_kept_for_its_time_to_live()
    {
        Server.A("host.test", "127.0.0.1");
        var resolver = Resolver();
        var answer = await Ask(resolver, "host.test");
        Assert.Equal(Time.GetUtcNow() + TimeSpan.FromSeconds(300), answer.ExpiresAt);
        Time.Advance(TimeSpan.FromSeconds(299));
        Assert.Same(answer, await Ask(resolver, "HOST.test."));
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotSame(answer, await Ask(resolver, "host.test"));
        Assert.Equal((2, 1), (Server.QueryCount, Counts.Hits));
    }

    [Theory]
    [InlineData("gone.test", DnsStatus.NoSuchDomain)]
    [InlineData("empty.test", DnsStatus.NoData)]
    public async Task No_is_kept_as_long_as_the_zone_says(string name, DnsStatus status)
    {
        Server.Txt("empty.test", "x");
        var resolver = Resolver();
        Assert.Equal(status, (await Ask(resolver, name)).Status);
        Server.A(name, "127.0.0.1");
        Time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(status, (await Ask(resolver, name)).Status);
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(DnsStatus.Found, (await Ask(resolver, name)).Status);
    }

    [Fact]
    public async Task No_without_an_SOA_is_not_kept()
    {
        Server.NegativeTtl = null;
        var resolver = Resolver();

        // Without letters, so that each question is put once.
        await Ask(resolver, "1.2.3");
        await Ask(resolver, "1.2.3");
        Assert.Equal(2, Server.QueryCount);
    }

    [Fact]
    public async Task Long_times_to_live_are_cut()
    {
        Server.Ttl = TimeSpan.FromDays(365);
        Server.NegativeTtl = TimeSpan.FromDays(365);
        var resolver = Resolver(null, Server.A("host.test", "127.0.0.1").EndPoint);
        Assert.Equal(Time.GetUtcNow().AddDays(1), (await Ask(resolver, "host.test")).ExpiresAt);
        Assert.Equal(Time.GetUtcNow().AddMinutes(15), (await Ask(resolver, "gone.test")).ExpiresAt);
    }

    [Fact]
    public async Task A_failure_is_kept_for_seconds_only()
    {
        Server.A("host.test", "127.0.0.1").ServFail("host.test");
        var resolver = Resolver();
        await Ask(resolver, "host.test");
        Assert.Equal(DnsStatus.ServerFailed, (await Ask(resolver, "host.test")).Status);
        // With EDNS, and once more without.
        Assert.Equal(2, Server.QueryCount);
        Server.Repair("host.test");
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(DnsStatus.Found, (await Ask(resolver, "host.test")).Status);
    }

    [Fact]
    public async Task An_answer_with_no_time_to_live_is_not_kept()
    {
        Server.Ttl = TimeSpan.Zero;
        var resolver = Resolver(null, Server.A("host.test", "127.0.0.1").EndPoint);
        await Ask(resolver, "host.test");
        await Ask(resolver, "host.test");
        Assert.Equal(2, Server.QueryCount);
    }

    [Fact]
    public async Task A_kept_answer_comes_at_once_and_costs_no_memory()
    {
        var resolver = Resolver(null, Server.A("host.test", "127.0.0.1").EndPoint);
        await Ask(resolver, "host.test");
        await resolver.QueryAsync("host.test", DnsType.A, CancellationToken.None);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var query = resolver.QueryAsync("host.test", DnsType.A, CancellationToken.None);
        Assert.True(query.IsCompletedSuccessfully);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Clear_forgets_and_a_query_under_way_does_not_bring_it_back()
    {
        Server.A("host.test", "127.0.0.1").Hold("host.test");
        var resolver = Resolver();
        var before = Ask(resolver, "host.test");
        await Server.WhenQueries(1);
        resolver.Clear();
        Server.Release("host.test");
        await before;
        await Ask(resolver, "host.test");
        Assert.Equal(2, Server.QueryCount);
    }

    [Fact]
    public async Task What_is_forgotten_is_asked_anew_and_nothing_else()
    {
        Server.A("host.test", "127.0.0.1").A("other.test", "127.0.0.2").Txt("host.test", "x");
        var resolver = Resolver();
        foreach (var (name, type) in new[] { ("host.test", DnsType.A), ("host.test", DnsType.Txt), ("other.test", DnsType.A) })
        {
            await Ask(resolver, name, type);
        }

        resolver.Forget("HOST.test.", DnsType.A);
        resolver.Forget("never.asked.test", DnsType.A);
        resolver.Forget("no..name", DnsType.A);

        await Ask(resolver, "host.test", DnsType.Txt);
        await Ask(resolver, "other.test");
        Assert.Equal(3, Server.QueryCount);
        Server.Remove("host.test", DnsType.A).A("host.test", "127.0.0.3");
        Assert.Equal("127.0.0.3", AddressOf(await Ask(resolver, "host.test")));
        Assert.Equal(4, Server.QueryCount);
    }

    /// <summary>The old query began before a record was published, the new one after it: whichever ends last, the new one's answer is kept.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_query_under_way_for_what_was_forgotten_is_not_kept(bool oldEndsLast)
    {
        Server.A("host.test", "127.0.0.1");
        Server.Hold("host.test");
        var resolver = Resolver();
        var old = Ask(resolver, "host.test");
        await Server.WhenQueries(1);
        resolver.Forget("host.test", DnsType.A);
        var fresh = Ask(resolver, "host.test");
        await Server.WhenQueries(2);
        Server.Release("host.test");
        await (oldEndsLast ? fresh : old);
        await (oldEndsLast ? old : fresh);

        Assert.Same(await fresh, await Ask(resolver, "host.test"));
        Assert.NotSame(await old, await fresh);
        Assert.Equal(2, Server.QueryCount);
    }

    [Fact]
    public void The_cache_stays_within_its_bound_and_keeps_what_is_read()
    {
        var now = Time.GetUtcNow();
        var cache = new DnsCache(100);
        cache.Put(new DnsKey("read.test", DnsType.A), Answer(now), 100, now);
        for (var i = 0; i < 10_000; i++)
        {
            cache.Put(new DnsKey($"n{i}.test", DnsType.A), Answer(now), 100, now);
            Assert.NotNull(cache.Find(new DnsKey("read.test", DnsType.A), now));
        }

        Assert.Equal(99, Enumerable.Range(0, 10_000).Count(i => cache.Find(new DnsKey($"n{i}.test", DnsType.A), now) is not null));

        // Sixteen kilobytes count as 32 entries, and what is larger than the whole cache does not come in.
        cache.Put(new DnsKey("large.test", DnsType.A), Answer(now), 16_384, now);
        cache.Put(new DnsKey("huge.test", DnsType.A), Answer(now), 65_535, now);
        Assert.NotNull(cache.Find(new DnsKey("large.test", DnsType.A), now));
        Assert.Null(cache.Find(new DnsKey("huge.test", DnsType.A), now));
        Assert.InRange(Enumerable.Range(0, 10_000).Count(i => cache.Find(new DnsKey($"n{i}.test", DnsType.A), now) is not null), 60, 68);
    }

    [Fact]
    public void A_cache_of_nothing_keeps_nothing()
    {
        var now = Time.GetUtcNow();
        var cache = new DnsCache(0);
        cache.Put(new DnsKey("a.test", DnsType.A), Answer(now), 10, now);
        Assert.Null(cache.Find(new DnsKey("a.test", DnsType.A), now));
    }

    private static DnsAnswer Answer(DateTimeOffset now) =>
        new(DnsStatus.NoData, "a.test", DnsType.A, [], false, "a.test", now.AddMinutes(1), "");
}
