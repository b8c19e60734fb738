using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Tests.Accounts;

/// <summary>Verification over a real DNS and a real database: what a mail host would not accept does not verify, and what is said names the fault.</summary>
public sealed class Domain_records_are_judged_as_mail_hosts_do : IAsyncLifetime
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
        resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint], Rounds = 1, FailureTtl = TimeSpan.Zero }, TimeProvider.System);
        domains = new SendingDomains(database.DataSource, new DeliveryMode(true), time);
        domain = (await domains.AddAsync(await new AccountStore(database.DataSource).GetOrAddAsync("shop", default), "shop.example", verified: false, default))!;
    }

    public async ValueTask DisposeAsync()
    {
        resolver.Dispose();
        await dns.DisposeAsync();
        await database.DisposeAsync();
    }

    // Whether dkimpy agrees is asked where the parser is: Key_record_that_no_verifier_accepts.
    [Theory]
    [InlineData(@"v=DKIM1\; k=rsa\; p=P", "backslash")]
    [InlineData("\"v=DKIM1; k=rsa; p=P;\"", "quotation mark")]
    [InlineData("v=dkim1; k=rsa; p=P", "must be \"DKIM1\" in capitals")]
    [InlineData("v=DKIM1; k=rsa; p=", "revoked")]
    [InlineData("v=DKIM1; k=rsa", "no p= tag")]
    [InlineData("v=DKIM1; k=rsa; p=MIIBIj", "cut off")]
    [InlineData("v=DKIM1; k=rsa; p=AAAA", "another key")]
    public async Task A_record_with_which_no_verifier_accepts_a_signature_does_not_verify(string pattern, string told)
    {
        var key = domain.DkimRecord["v=DKIM1; k=rsa; p=".Length..];
        dns.Txt(DkimName, pattern.Replace("p=P", $"p={key}", StringComparison.Ordinal));

        var check = (await DomainData.Verifier(domains, resolver, time).VerifyAsync(domain, default))!;

        Assert.False(check.Verified);
        Assert.False(check.Records[0].Ok);
        Assert.Contains(told, check.Records[0].WhatToDo, StringComparison.Ordinal);
        Assert.Contains("octet", check.Records[0].WhatToDo + "octet", StringComparison.Ordinal);
        Assert.False((await domains.GetAsync(domain.AccountId, domain.Name, default))!.Verified);
    }

    [Fact]
    public async Task A_domain_that_is_removed_while_it_is_checked_is_not_there()
    {
        await using var service = await TestService.StartAsync(dns: dns);
        using var client = await service.NewClientAsync();
        using var added = await client.PostAsJsonAsync("/v1/domains", new { name = "removed.example" });
        var selector = (await added.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("dkim_selector").GetString();
        dns.Hold($"{selector}._domainkey.removed.example");

        var checking = client.PostAsync("/v1/domains/removed.example/verify", null);
        await dns.WhenQueries($"{selector}._domainkey.removed.example", 1).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/v1/domains/removed.example")).StatusCode);
        dns.Release($"{selector}._domainkey.removed.example");

        using var answer = await checking;
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task A_check_asks_its_own_names_anew_and_leaves_what_is_remembered_of_others()
    {
        dns.Mx("mail.others.example", 10, "mx.others.example");
        await resolver.QueryAsync("mail.others.example", DnsType.Mx, default);
        var verifier = DomainData.Verifier(domains, resolver, time, "8.8.8.8");
        Assert.False((await verifier.VerifyAsync(domain, default))!.Verified);

        dns.Txt(DkimName, domain.DkimRecord).Txt("bounces.shop.example", "v=spf1 ip4:8.8.8.8 -all");
        var asked = dns.CountOf(DkimName);
        var check = (await verifier.VerifyAsync(domain, default))!;

        Assert.True(check.Verified);
        Assert.True(check.Records.Single(record => record.Purpose == "spf").Ok);
        Assert.Equal(asked + 1, dns.CountOf(DkimName));
        await resolver.QueryAsync("mail.others.example", DnsType.Mx, default);
        Assert.Equal(1, dns.CountOf("mail.others.example"));
    }

    [Fact]
    public async Task The_right_record_beside_another_does_not_verify_and_in_other_white_space_it_does()
    {
        var verifier = DomainData.Verifier(domains, resolver, time);
        dns.Txt(DkimName, domain.DkimRecord).Txt(DkimName, "v=spf1 -all");
        Assert.Contains("so is another at the same name", (await verifier.VerifyAsync(domain, default))!.Records[0].WhatToDo, StringComparison.Ordinal);

        dns.Remove(DkimName).Txt(DkimName, domain.DkimRecord.Replace("; ", ";", StringComparison.Ordinal) + " ;");
        Assert.True((await verifier.VerifyAsync(domain, default))!.Verified);
    }

    [Fact]
    public async Task SPF_is_asked_for_the_public_address_of_every_egress_source()
    {
        dns.Txt("bounces.shop.example", "v=spf1 ip4:192.0.2.1 include:spf.host.example ~all").Txt("spf.host.example", "v=spf1 ip6:2001:db8::/32 -all");

        Assert.True((await SpfAsync("192.0.2.1", "2001:db8::1")).Ok);

        // "Some ip4" is not enough.
        var spf = await SpfAsync("192.0.2.1", "192.0.2.2");
        Assert.False(spf.Ok);
        Assert.Contains("softfail to mail from 192.0.2.2 (egress source s2)", spf.WhatToDo, StringComparison.Ordinal);
        Assert.Contains("Add ip4:192.0.2.2 to", spf.WhatToDo, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SPF_that_cannot_be_known_from_here_is_said_to_be_unknown()
    {
        dns.Txt("bounces.shop.example", "v=spf1 a:mail.host.example ~all");

        // Nothing says which address the system takes, nor what a translator makes of a private one.
        foreach (var spf in new[] { await SpfAsync(), await SpfAsync("10.0.0.5") })
        {
            Assert.Null(spf.Ok);
            Assert.Contains("PublicAddresses", spf.WhatToDo, StringComparison.Ordinal);
        }

        var relayed = DomainData.Identity(DomainData.HostName, "smart.host.example:587", ["192.0.2.1"]);
        var byRelay = Spf(await new DomainVerifier(domains, resolver, relayed, time).LookAsync(domain, default));
        Assert.Null(byRelay.Ok);
        Assert.Contains("smart.host.example:587", byRelay.WhatToDo, StringComparison.Ordinal);

        dns.ServFail("bounces.shop.example");
        resolver.Clear();
        Assert.Null((await SpfAsync("192.0.2.1")).Ok);
    }

    [Theory]
    [InlineData("Publish the TXT record v=spf1 ip4:192.0.2.1 ~all")]
    [InlineData("There are 2 SPF records", "v=spf1 ip4:192.0.2.1 ~all", "v=spf1 -all")]
    [InlineData("\"ipv4:192.0.2.1\" is no mechanism", "v=spf1 ipv4:192.0.2.1 ~all")]
    [InlineData("does not begin with", "\"v=spf1 ip4:192.0.2.1 ~all\"")]
    [InlineData("more than 10 look-ups", "v=spf1 include:loop.example ~all")]
    [InlineData("has no SPF record", "v=spf1 include:none.example ~all")]
    [InlineData("no term of bounces.shop.example matches", "v=spf1 ip4:192.0.2.9")]
    public async Task What_is_wrong_with_SPF_is_said(string told, params string[] records)
    {
        dns.Txt("loop.example", "v=spf1 include:loop.example ~all");
        foreach (var record in records)
        {
            dns.Txt("bounces.shop.example", record);
        }

        var spf = await SpfAsync("192.0.2.1");

        Assert.False(spf.Ok);
        Assert.Contains(told, spf.WhatToDo, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_null_MX_is_wrong_and_a_mail_host_elsewhere_is_not()
    {
        dns.Mx("bounces.shop.example", 0, "");
        var verifier = DomainData.Verifier(domains, resolver, time);
        Assert.Contains("null MX", (await verifier.LookAsync(domain, default)).Records[1].WhatToDo, StringComparison.Ordinal);

        dns.Remove("bounces.shop.example").Mx("bounces.shop.example", 10, "elsewhere.example");
        resolver.Clear();
        Assert.True((await verifier.LookAsync(domain, default)).Records[1].Ok);
    }

    [Fact]
    public async Task Records_as_they_were_checked_are_shown_until_they_ought_to_be_others()
    {
        dns.Txt(DkimName, domain.DkimRecord).Txt("bounces.shop.example", "v=spf1 ip4:192.0.2.1 ~all");
        await DomainData.Verifier(domains, resolver, time, "192.0.2.1").VerifyAsync(domain, default);
        var stored = (await domains.GetAsync(domain.AccountId, domain.Name, default))!;

        Assert.Equal([true, false, true, false], DomainData.Verifier(domains, resolver, time, "192.0.2.1").LastCheck(stored).Select(record => record.Ok));

        // A second address: what was found of SPF says nothing any more.
        Assert.Equal([true, false, null, false], DomainData.Verifier(domains, resolver, time, "192.0.2.1", "192.0.2.2").LastCheck(stored).Select(record => record.Ok));
    }

    [Fact]
    public async Task Two_accounts_that_send_as_one_domain_have_two_selectors()
    {
        var accounts = new AccountStore(database.DataSource);
        var selectors = new HashSet<string> { domain.DkimSelector };
        for (var i = 0; i < 3; i++)
        {
            var other = await domains.AddAsync(await accounts.GetOrAddAsync($"other{i}", default), "shop.example", verified: false, default);
            Assert.True(selectors.Add(other!.DkimSelector));
        }

        // Removed and added again: the old key, which is still in DNS, is at another name.
        await domains.RemoveAsync(domain.AccountId, "shop.example", default);
        Assert.True(selectors.Add((await domains.AddAsync(domain.AccountId, "shop.example", verified: false, default))!.DkimSelector));
    }

    private async Task<DomainRecord> SpfAsync(params string[] addresses) => Spf(await DomainData.Verifier(domains, resolver, time, addresses).LookAsync(domain, default));

    private static DomainRecord Spf(DomainCheck check) => check.Records.Single(record => record.Purpose == "spf");
}
