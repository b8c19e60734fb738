using System.Text.Json;
using System.Text.RegularExpressions;
using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Mime.Dkim;
using EmailService.TestKit;
using EmailService.Tests.Agreement;

namespace EmailService.Tests.Accounts;

/// <summary>What is printed for DNS panels and tools is what they take.</summary>
public sealed partial class Records_can_be_pasted : IClassFixture<CommandLine>, IDisposable
{
    private const string Domain = "shop.example";
    private readonly DkimKey key = DkimKey.Generate(DkimAlgorithm.RsaSha256);
    private readonly CommandLine emailService;

    public Records_can_be_pasted(CommandLine emailService) => this.emailService = emailService;

    public void Dispose() => key.Dispose();

    [Fact]
    public async Task The_zone_form_is_loaded_by_BIND_and_resolves_to_what_was_meant()
    {
        var records = Records("192.0.2.1", "2001:db8::1");
        var zone = DomainRecordFormats.Write("zone", records, Domain);
        Assert.All(CharacterString().Matches(zone), text => Assert.InRange(text.Length - 2, 0, 255));
        await using var bind = await BindServer.StartAsync(server => server.AddZone(Domain).Include(Domain, zone));
        using var resolver = new DnsResolver(new DnsResolverOptions { Servers = [bind.EndPoint] }, TimeProvider.System);

        foreach (var record in records)
        {
            var answer = await resolver.QueryAsync(record.Name, record.Type == "MX" ? DnsType.Mx : DnsType.Txt, default);
            Assert.Equal(record.Expected, Assert.Single(answer.Records) switch
            {
                TxtRecord txt => txt.Text,
                MxRecord mx => $"{mx.Preference} {mx.Exchange}",
                var other => other.ToString(),
            });
        }
    }

    [Theory]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(510)]
    [InlineData(511)]
    [InlineData(1200)]
    public async Task A_text_of_any_length_and_with_any_character_comes_back_from_BIND(int length)
    {
        const string Odd = "a\"b\\c;d(e)f@g$h'i ${j} %{k}";
        var text = string.Concat(Enumerable.Repeat(Odd, length / Odd.Length + 1))[..length];
        var record = new DomainRecord("spf", "TXT", "odd.shop.example", text, false, "") { RelativeName = "odd" };
        await using var bind = await BindServer.StartAsync(server => server.AddZone(Domain).Include(Domain, DomainRecordFormats.Write("zone", [record], Domain)));
        using var resolver = new DnsResolver(new DnsResolverOptions { Servers = [bind.EndPoint] }, TimeProvider.System);

        var found = Assert.IsType<TxtRecord>(Assert.Single((await resolver.QueryAsync(record.Name, DnsType.Txt, default)).Records));

        Assert.Equal(text, found.Text);
        Assert.Equal((length + 254) / 255, record.Strings!.Count);
    }

    [Fact]
    public void Route_53_gets_a_change_batch_that_replaces_nothing()
    {
        using var json = JsonDocument.Parse(DomainRecordFormats.Write("route53", Records("192.0.2.1"), Domain));

        var changes = json.RootElement.GetProperty("Changes").EnumerateArray().ToList();
        Assert.Equal(4, changes.Count);
        Assert.Equal(["Changes", "Comment"], json.RootElement.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        foreach (var set in changes.Select(change => change.GetProperty("ResourceRecordSet")))
        {
            Assert.Equal(["Name", "ResourceRecords", "TTL", "Type"], set.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
            Assert.EndsWith(".shop.example.", set.GetProperty("Name").GetString(), StringComparison.Ordinal);
            Assert.Equal(JsonValueKind.Number, set.GetProperty("TTL").ValueKind);
            var value = Assert.Single(set.GetProperty("ResourceRecords").EnumerateArray()).GetProperty("Value").GetString()!;
            Assert.Matches(set.GetProperty("Type").GetString() == "MX" ? "^10 mail\\.host\\.example\\.$" : "^\"[^\"]{1,255}\"( \"[^\"]{1,255}\")*$", value);
        }

        Assert.All(changes, change => Assert.Equal("CREATE", change.GetProperty("Action").GetString()));
    }

    [Fact]
    public void Cloudflare_gets_a_batch_with_priority_and_content_apart()
    {
        using var json = JsonDocument.Parse(DomainRecordFormats.Write("cloudflare", Records("192.0.2.1"), Domain));

        var posts = json.RootElement.GetProperty("posts").EnumerateArray().ToDictionary(post => post.GetProperty("comment").GetString()!);
        Assert.Equal(4, posts.Count);
        var mx = posts["EmailService: mx"];
        Assert.Equal(("MX", "bounces.shop.example", "mail.host.example", 10), (mx.GetProperty("type").GetString(), mx.GetProperty("name").GetString(), mx.GetProperty("content").GetString(), mx.GetProperty("priority").GetInt32()));
        var dkim = posts["EmailService: dkim"];
        Assert.False(dkim.TryGetProperty("priority", out _));
        Assert.Equal(key.DnsRecord, string.Concat(dkim.GetProperty("content").GetString()!.Split("\" \"")).Trim('"'));
        Assert.All(posts.Values, post => Assert.Equal(1, post.GetProperty("ttl").GetInt32()));
    }

    [Fact]
    public void Terraform_gets_a_resource_for_each_record_and_nothing_that_HCL_would_evaluate()
    {
        var hcl = DomainRecordFormats.Write("terraform", Records("192.0.2.1"), Domain);

        Assert.Equal(["shop_example_dkim", "shop_example_mx", "shop_example_spf", "shop_example_dmarc"], Resource().Matches(hcl).Select(m => m.Groups[1].Value));
        var dkim = hcl[hcl.IndexOf("v=DKIM1", StringComparison.Ordinal)..];
        Assert.Equal(key.DnsRecord, dkim[..dkim.IndexOf("\"]", StringComparison.Ordinal)].Replace("\\\"\\\"", "", StringComparison.Ordinal));
        Assert.Equal(hcl.Count(c => c == '{'), hcl.Count(c => c == '}'));
        Assert.Equal("\"a\\\"b\\\\c $${d} %%{e}\"", DomainRecordFormats.Hcl("a\"b\\c ${d} %{e}"));
        Assert.Contains("\"_1_example_dkim\"", DomainRecordFormats.Write("terraform", Records("192.0.2.1"), "1.example"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_parts_are_apart_and_SPF_names_all_public_addresses()
    {
        var records = Records("192.0.2.1", "2001:db8::1", "192.0.2.1").ToDictionary(record => record.Purpose);

        Assert.Equal("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ~all", records["spf"].Expected);
        Assert.Equal(("bounces", "bounces.shop.example", "mail.host.example", 10), (records["mx"].RelativeName, records["mx"].Name, records["mx"].Value, records["mx"].Priority));
        Assert.Equal(("es._domainkey", null), (records["dkim"].RelativeName, records["dkim"].Priority));
        Assert.Equal(2, records["dkim"].Strings!.Count);
        Assert.Equal(key.DnsRecord, string.Concat(records["dkim"].Strings!));

        // An address that is not known is not guessed: the EHLO name stands for it.
        Assert.Equal("v=spf1 a:mail.host.example ~all", Records().Single(record => record.Purpose == "spf").Expected);
        Assert.Equal("v=spf1 a:mail.host.example ~all", Records("10.0.0.1").Single(record => record.Purpose == "spf").Expected);
    }

    [Theory]
    [InlineData("vm", false)]
    [InlineData("localhost", false)]
    [InlineData("mail.local", false)]
    [InlineData("ip-10-0-0-1.ec2.internal", false)]
    [InlineData("host.lan", false)]
    [InlineData("192.0.2.1", false)]
    [InlineData("pi.home.arpa", false)]
    [InlineData("mail.example.com", true)]
    [InlineData("mail.example.com.", true)]
    [InlineData("mail.localized.example", true)]
    public void Records_name_no_host_that_only_a_network_knows(string hostName, bool isPublic)
    {
        var identity = DomainData.Identity(hostName);
        var records = DomainRecords.For(SendingDomain(), identity).ToDictionary(record => record.Purpose);

        Assert.Equal(isPublic, identity.HasPublicName);
        Assert.Equal(isPublic, records["mx"].Expected is not null);
        Assert.Equal(isPublic, records["spf"].Expected is not null);
        Assert.NotNull(records["dkim"].Expected);
        Assert.Equal(!isPublic, records["mx"].WhatToDo?.Contains("EmailService:HostName", StringComparison.Ordinal) == true);
        foreach (var format in DomainRecordFormats.Names)
        {
            Assert.DoesNotContain(isPublic ? "not known yet" : $"10 {hostName}", DomainRecordFormats.Write(format, [.. records.Values], Domain), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Adding_a_domain_before_the_host_has_a_name_is_refused_and_adds_nothing()
    {
        var refused = await emailService.RefusedAsync("domains", "add", "early.example", "--EmailService:HostName=vm");

        Assert.Contains("\"vm\", which is no public host name", refused, StringComparison.Ordinal);
        Assert.Contains("--EmailService:HostName mail.example.com", refused, StringComparison.Ordinal);
        Assert.Equal(0, await emailService.ScalarAsync<long>("SELECT count(*) FROM domains WHERE name = 'early.example'"));
    }

    [Fact]
    public async Task A_program_can_read_what_add_and_records_print()
    {
        var added = await emailService.RunAsync("domains", "add", "shop.example", "--format", "json", "--EmailService:HostName=mail.host.example");
        var again = await emailService.RunAsync("domains", "records", "shop.example", "--format", "json", "--EmailService:HostName=mail.host.example");

        Assert.Equal(added, again);
        using var json = JsonDocument.Parse(added);
        Assert.Equal(["dkim", "mx", "spf", "dmarc"], json.RootElement.GetProperty("records").EnumerateArray().Select(record => record.GetProperty("purpose").GetString()));
        Assert.Equal("bounces", json.RootElement.GetProperty("records")[1].GetProperty("relative_name").GetString());
        Assert.StartsWith("; EmailService's records", await emailService.RunAsync("domains", "records", "shop.example", "--format", "zone"), StringComparison.Ordinal);
        Assert.Contains("table, zone, route53, cloudflare, terraform, json", await emailService.RunAsync("domains", "records", "--help"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_MX_line_says_what_listens()
    {
        var listens = Directory.Exists(Path.Combine(Repository.Root, "src", "EmailService", "Receive"));

        Assert.Equal(!listens, Records().Single(record => record.Purpose == "mx").Why.Contains("does not listen for bounces", StringComparison.Ordinal));
    }

    private IReadOnlyList<DomainRecord> Records(params string[] addresses) => DomainRecords.For(SendingDomain(), DomainData.Identity(DomainData.HostName, addresses));

    private SendingDomain SendingDomain() => new()
    {
        Id = 1, AccountId = 1, Name = Domain, Verified = false, DkimSelector = "es", Signer = new DkimSigner(Domain, "es", key), DkimRecord = key.DnsRecord,
        ReturnPath = $"bounces.{Domain}", CreatedAt = default,
    };

    [GeneratedRegex("\"[^\"]*\"")]
    private static partial Regex CharacterString();

    [GeneratedRegex("^resource \"aws_route53_record\" \"([A-Za-z_][A-Za-z0-9_]*)\" \\{$", RegexOptions.Multiline)]
    private static partial Regex Resource();
}
