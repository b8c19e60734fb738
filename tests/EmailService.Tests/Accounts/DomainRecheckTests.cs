using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.Report;
using EmailService.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Accounts;

public sealed class DomainRecheckTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private readonly LoopbackDns dns = new();
    private TestDatabase database = null!;
    private DnsResolver resolver = null!;
    private SendingDomains domains = null!;
    private SendingDomain domain = null!;

    private string DkimName => $"{domain.DkimSelector}._domainkey.shop.example";

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System);
        domains = new SendingDomains(database.DataSource, new DeliveryMode(true), time);
        var account = await new AccountStore(database.DataSource).GetOrAddAsync("shop", default);
        domain = (await domains.AddAsync(account, "shop.example", verified: true, default))!;
    }

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task A_record_that_is_gone_ends_the_verification_after_three_days_and_not_before()
    {
        Assert.False(await CheckAsync());
        Assert.False(await CheckAsync());
        Assert.False(await CheckAsync());
        Assert.False(await CheckAsync());
        // Four checks in a row, and no time has passed.
        Assert.Equal((true, 4), await StateAsync());

        time.Advance(TimeSpan.FromDays(3));
        Assert.False(await CheckAsync());

        Assert.False((await StateAsync()).Verified);

        // The account was told when it began and when it was over, and not in between.
        // Events can be read when no older transaction is open in the whole cluster, another test's included.
        IReadOnlyList<FeedEvent> events = [];
        var feed = new EventFeedStore(database.DataSource);
        await Wait.UntilAsync(
            async () => (events = (await feed.ReadAsync(new EventQuery { AccountId = domain.AccountId }, default)).Events).Count >= 2, "both events can be read");
        Assert.Equal(["domain_failing", "domain_unverified"], events.Select(e => e.Kind));
        Assert.All(events, e => Assert.Equal(("shop.example", null, null), (e.Domain, e.Email, e.MessageId)));
        Assert.Contains("Publish the TXT record", events[0].Detail!.Value.GetProperty("problem").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_good_check_begins_the_count_anew_and_a_silent_DNS_does_not_count()
    {
        Assert.False(await CheckAsync());
        dns.ServFail(DkimName);
        for (var day = 0; day < 5; day++)
        {
            time.Advance(TimeSpan.FromDays(1));
            Assert.True(await CheckAsync());
        }

        Assert.Equal((true, 1), await StateAsync());

        dns.Repair(DkimName).Txt(DkimName, domain.DkimRecord);
        Assert.True(await CheckAsync());
        Assert.Equal((true, 0), await StateAsync());
        Assert.Null((await domains.GetAsync(domain.AccountId, "shop.example", default))!.FailingSince);
    }

    /// <summary>Whether the job has nothing bad to say.</summary>
    private async Task<bool> CheckAsync()
    {
        resolver.Clear();
        var verifier = DomainData.Verifier(domains, resolver, time);
        try
        {
            await new DomainRecheck(domains, verifier, new DeliveryMode(true), time, NullLogger<DomainRecheck>.Instance).ExecuteAsync(default);
            return true;
        }
        catch (JobFailedException)
        {
            return false;
        }
    }

    private async Task<(bool Verified, int Failed)> StateAsync() =>
        await domains.GetAsync(domain.AccountId, "shop.example", default) is { } now ? (now.Verified, now.FailedChecks) : default;
}
