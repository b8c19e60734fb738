using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.TestKit;

namespace EmailService.Tests.Accounts;

public sealed class AccountsTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private ApiKeys keys = null!;
    private SendingDomains domains = null!;
    private int account;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        keys = new ApiKeys(database.DataSource, time);
        domains = new SendingDomains(database.DataSource, new DeliveryMode(Live: false), time);
        account = await new AccountStore(database.DataSource).GetOrAddAsync("default", default);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_key_opens_its_account_and_no_other_text_does()
    {
        var made = await keys.CreateAsync(account, "shop", default);

        Assert.Matches("^SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}$", made.Key);
        Assert.Equal(account, await keys.FindAccountAsync(made.Key, default));
        var last = made.Key[^1] == 'A' ? 'B' : 'A';
        Assert.Null(await keys.FindAccountAsync(made.Key[..^1] + last, default));
        Assert.Null(await keys.FindAccountAsync(made.Key + "A", default));
        Assert.Null(await keys.FindAccountAsync("", default));
        Assert.Null(await keys.FindAccountAsync(new string('\0', 69), default));
    }

    [Fact]
    public async Task Looking_for_an_account_makes_none()
    {
        var accounts = new AccountStore(database.DataSource);

        Assert.Equal(account, await accounts.GetAsync("default", default));
        await Assert.ThrowsAsync<OperatorException>(() => accounts.GetAsync("defualt", default));
        Assert.Null(await accounts.FindAsync("defualt", default));
    }

    [Fact]
    public async Task The_database_does_not_know_the_secret()
    {
        var made = await keys.CreateAsync(account, "shop", default);
        await using var command = database.DataSource.CreateCommand("SELECT k::text FROM api_keys k");

        Assert.DoesNotContain(made.Key[26..], (string)(await command.ExecuteScalarAsync())!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_at_once_here_and_after_ten_seconds_elsewhere()
    {
        var other = new ApiKeys(database.DataSource, time);
        var made = await keys.CreateAsync(account, "shop", default);
        Assert.NotNull(await other.FindAccountAsync(made.Key, default));

        Assert.True(await keys.RevokeAsync(account, made.Id, operators: false, default));
        Assert.False(await keys.RevokeAsync(account, made.Id, operators: false, default));

        Assert.Null(await keys.FindAccountAsync(made.Key, default));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(await other.FindAccountAsync(made.Key, default));
        Assert.NotNull((await keys.ListAsync(account, null, 10, default))[0].RevokedAt);
    }

    [Fact]
    public async Task Somebody_elses_key_cannot_be_revoked()
    {
        var stranger = await new AccountStore(database.DataSource).GetOrAddAsync("stranger", default);
        var made = await keys.CreateAsync(account, "shop", default);

        Assert.False(await keys.RevokeAsync(stranger, made.Id, operators: true, default));
        Assert.Empty(await keys.ListAsync(stranger, null, 10, default));
    }

    [Fact]
    public async Task A_domain_is_found_for_itself_and_its_subdomains_in_its_account_only()
    {
        var added = await domains.AddAsync(account, "shop.example", verified: true, default);
        await domains.AddAsync(account, "new.shop.example", verified: false, default);
        var stranger = await new AccountStore(database.DataSource).GetOrAddAsync("stranger", default);

        Assert.Equal("shop.example", (await domains.FindAsync(account, "shop.example", default))?.Name);
        Assert.Equal("shop.example", (await domains.FindAsync(account, "a.mail.shop.example", default))?.Name);
        // The verified parent goes before the subdomain that is not verified yet.
        Assert.Equal("shop.example", (await domains.FindAsync(account, "new.shop.example", default))?.Name);
        Assert.Null(await domains.FindAsync(account, "example", default));
        Assert.Null(await domains.FindAsync(account, "othershop.example", default));
        Assert.Null(await domains.FindAsync(stranger, "shop.example", default));
        Assert.Null(await domains.AddAsync(account, "shop.example", verified: false, default));
        Assert.Equal("bounces.shop.example", added!.ReturnPath);
        Assert.Matches($"^es{time.GetUtcNow():yyyyMM}-[a-z2-7]{{5}}$", added.DkimSelector);
    }

    [Fact]
    public async Task The_signer_is_kept_while_its_row_is_read_again()
    {
        await domains.AddAsync(account, "shop.example", verified: true, default);
        var first = await domains.FindAsync(account, "shop.example", default);
        time.Advance(TimeSpan.FromSeconds(11));
        var second = await domains.FindAsync(account, "shop.example", default);

        Assert.NotSame(first, second);
        Assert.Same(first!.Signer, second!.Signer);
    }

    [Fact]
    public async Task The_demo_domain_is_worth_nothing_once_delivery_is_live()
    {
        await domains.AddAsync(account, SendingDomains.DemoName, verified: true, default);
        var live = new SendingDomains(database.DataSource, new DeliveryMode(Live: true), time);

        Assert.True((await domains.FindAsync(account, SendingDomains.DemoName, default))!.Verified);
        Assert.False((await live.FindAsync(account, SendingDomains.DemoName, default))!.Verified);
    }

    [Theory]
    [InlineData("Example.COM.", "example.com")]
    [InlineData("bücher.example", "xn--bcher-kva.example")]
    [InlineData("localhost", null)]
    [InlineData("a@b.example", null)]
    [InlineData("", null)]
    [InlineData("a..b", null)]
    [InlineData("[192.0.2.1]", null)]
    public void A_domain_is_kept_in_one_spelling(string text, string? expected)
    {
        Assert.Equal(expected is not null, SendingDomains.TryNormalize(text, out var name, out var problem));
        Assert.Equal(expected, name);
        Assert.Equal(expected is null, problem is not null);
    }

    [Fact]
    public async Task A_domain_is_verified_by_its_DKIM_record_and_keeps_that_while_DNS_is_silent()
    {
        await using var dns = new LoopbackDns();
        using var resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System);
        var verifier = DomainData.Verifier(domains, resolver, time, "192.0.2.1");
        var domain = (await domains.AddAsync(account, "shop.example", verified: false, default))!;

        var before = (await verifier.VerifyAsync(domain, default))!;
        Assert.False(before.Verified);
        Assert.All(before.Records, record => Assert.False(record.Ok));
        Assert.All(before.Records, record => Assert.NotNull(record.WhatToDo));

        dns.Txt($"{domain.DkimSelector}._domainkey.shop.example", domain.DkimRecord)
            .Txt("bounces.shop.example", "v=spf1 ip4:192.0.2.1 ~all")
            .Mx("bounces.shop.example", 10, "mail.host.example")
            .Txt("_dmarc.shop.example", "v=DMARC1; p=reject");
        var after = (await verifier.VerifyAsync(domain, default))!;
        Assert.True(after.Verified);
        Assert.All(after.Records, record => Assert.True(record.Ok, record.WhatToDo));
        var stored = (await domains.GetAsync(account, "shop.example", default))!;
        Assert.Equal((true, time.GetUtcNow()), (stored.Verified, stored.VerifiedAt));
        Assert.Equal(["dkim", "mx", "spf", "dmarc"], verifier.LastCheck(stored).Select(record => record.Purpose));

        dns.Fault($"{domain.DkimSelector}._domainkey.shop.example", DnsFault.ServFail);
        var silent = (await verifier.VerifyAsync(stored, default))!;
        Assert.True(silent.Verified);
        Assert.Null(silent.Records[0].Ok);

        // One "no such record" may be a mistake of DNS: only the daily check takes the right to send.
        dns.Remove($"{domain.DkimSelector}._domainkey.shop.example");
        var gone = (await verifier.VerifyAsync(stored, default))!;
        Assert.Equal((true, false), (gone.Verified, gone.IsGood));
        Assert.False(gone.Records[0].Ok);
        Assert.True((await domains.GetAsync(account, "shop.example", default))!.Verified);
    }
}
