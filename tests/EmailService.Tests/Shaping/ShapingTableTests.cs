using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Tests.Shaping;

public sealed class ShapingTableTests : IDisposable
{
    private readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    [Theory]
    [InlineData("google", "gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com")]
    [InlineData("google", "ASPMX.L.GOOGLE.COM.", "aspmx2.googlemail.com")]
    [InlineData("google", "smtp.google.com")]
    [InlineData("microsoft", "outlook-com.olc.protection.outlook.com")]
    [InlineData("microsoft365", "example-com.mail.protection.outlook.com")]
    [InlineData("microsoft365", "example-com.o-v1.mx.microsoft")]
    [InlineData("yahoo", "mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net")]
    [InlineData("apple", "mx01.mail.icloud.com")]
    [InlineData(null, "mx.example.com")]
    [InlineData(null, "notl.google.com.example.com")]
    [InlineData(null, "xl.google.com")]
    [InlineData(null, "aspmx.l.google.com", "mx.example.com")]
    [InlineData(null, "aspmx.l.google.com", "mx01.mail.icloud.com")]
    public void A_site_belongs_to_a_provider_if_all_its_hosts_do(string? provider, params string[] hosts)
    {
        var site = ShapingTable.Load(null).For("example.com", hosts, null);

        Assert.Equal(provider, site.Block);
        Assert.Equal(provider is null ? null : "provider:" + provider, site.Lane);
    }

    [Fact]
    public void Shipped_figures_are_complete_and_say_where_they_stand()
    {
        var table = ShapingTable.Load(null);

        Assert.NotNull(table.Revision);
        Assert.Equal(new Limit<int>(20, "default (shipped)"), table.Default.Connections);
        Assert.Equal(0, table.Default.MessagesPerSecond.Value);
        var google = table.For("gmail.com", ["gmail-smtp-in.l.google.com"], null).Limits;
        Assert.Equal("blocks.google (shipped)", google.Connections.Origin);
        Assert.Equal("default (shipped)", google.MessagesPerSecond.Origin);
    }

    [Fact]
    public void Own_file_wins_key_by_key()
    {
        var table = Load("""
            { "version": 1,
              "blocks": { "google": { "messages_per_second": 7 }, "mine": { "mx": ["mx.test"], "connections": 2 } },
              "domains": { "Slow.test": { "messages_per_second": 0.5 } } }
            """);

        var google = table.For("gmail.com", ["smtp.google.com"], null).Limits;
        Assert.Equal(new Limit<double>(7, $"blocks.google ({file})"), google.MessagesPerSecond);
        Assert.Equal(new Limit<int>(20, "blocks.google (shipped)"), google.Connections);
        Assert.Equal("provider:mine", table.For("a.test", ["a.mx.test"], null).Lane);
        var slow = table.For("slow.test", ["a.mx.test"], null);
        Assert.Equal("domain:slow.test", slow.Lane);
        Assert.Equal((0.5, 2, 500), (slow.Limits.MessagesPerSecond.Value, slow.Limits.Connections.Value, slow.Limits.MessagesPerConnection.Value));
    }

    [Fact]
    public void An_accounts_limits_win_over_those_of_provider_and_domain_and_of_relays()
    {
        var table = Load("""
            { "version": 1, "domains": { "slow.test": { "messages_per_second": 0.5, "connections": 4 } },
              "accounts": { "News": { "connections": 3 } } }
            """);

        var google = table.For("gmail.com", ["smtp.google.com"], "news");
        Assert.Equal(("provider:google", "google", "news"), (google.Lane, google.Block, google.Account));
        Assert.Equal(new Limit<int>(3, $"accounts.News ({file})"), google.Limits.Connections);
        Assert.Equal((0.5, 3), table.For("slow.test", ["mx.test"], "news") is var slow ? (slow.Limits.MessagesPerSecond.Value, slow.Limits.Connections.Value) : default);
        Assert.Equal((4, null), table.For("slow.test", ["mx.test"], "shop") is var other ? (other.Limits.Connections.Value, other.Account) : default);
        Assert.Equal(3, table.ForRelay("news").Limits.Connections.Value);
        Assert.Equal(20, table.ForRelay(null).Limits.Connections.Value);
    }

    [Fact]
    public void Longest_suffix_wins()
    {
        var table = Load("""{ "version": 1, "blocks": { "wide": { "mx": ["test"] }, "narrow": { "mx": ["in.mx.test"] } } }""");

        Assert.Equal("narrow", table.For("x.test", ["a.in.mx.test"], null).Block);
        Assert.Equal("wide", table.For("x.test", ["a.mx.test"], null).Block);
    }

    [Theory]
    [InlineData("""{ "version": 1, "blocks": { "gogle": { "connections": 1 } } }""", "blocks.gogle.mx: missing")]
    [InlineData("""{ "version": 1, "blocks": { "mine": { "mx": ["yahoodns.net"] } } }""", "the suffix yahoodns.net belongs to several: ")]
    [InlineData("""{ "version": 1, "deffault": {} }""", "deffault: unknown key; did you mean default?")]
    public void A_file_that_cannot_be_meant_is_refused(string json, string problem)
    {
        var refused = Assert.Throws<OperatorException>(() => Load(json));

        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused() =>
        Assert.Contains("cannot be read", Assert.Throws<OperatorException>(() => ShapingTable.Load("/no/such/file.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void Settings_stand_for_the_default_block_and_leave_the_others()
    {
        var table = ShapingTable.Load(null, new ShapingBlock { Connections = new(3, "Deliver:ConnectionsPerLane") });

        Assert.Equal(new Limit<int>(3, "Deliver:ConnectionsPerLane"), table.For("x.test", ["mx.x.test"], null).Limits.Connections);
        Assert.Equal(20, table.For("gmail.com", ["smtp.google.com"], null).Limits.Connections.Value);
    }

    private ShapingTable Load(string json)
    {
        File.WriteAllText(file, json);
        return ShapingTable.Load(file);
    }
}
