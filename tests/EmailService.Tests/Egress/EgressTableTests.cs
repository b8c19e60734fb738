using System.Net;
using EmailService.Deliver;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Platform;

namespace EmailService.Tests.Egress;

public sealed class EgressTableTests
{
    private static readonly DateOnly Today = new(2030, 1, 2);

    private readonly EgressOptions options = new()
    {
        Sources = new Dictionary<string, SourceSettings>
        {
            ["a"] = new() { Address = IPAddress.Parse("192.0.2.1"), HelloName = "a.shop.test" },
            ["b"] = new() { Ipv6Address = IPAddress.Parse("2001:db8::1"), WarmUp = new WarmUpSettings { Start = "2030-01-01", DailyCaps = [50, 100] } },
        },
        Pools = new Dictionary<string, IReadOnlyDictionary<string, int>>
        {
            ["main"] = new Dictionary<string, int> { ["a"] = 3, ["b"] = 1 },
            ["news"] = new Dictionary<string, int> { ["b"] = 1, ["a"] = 0 },
        },
        ByAccount = new Dictionary<string, string> { ["Shop"] = "main" },
        ByStream = new Dictionary<string, string> { ["bulk"] = "news" },
    };

    [Theory]
    [InlineData("news", "shop", MailStream.Transactional, "news", "named by the message")]
    [InlineData("gone", "shop", MailStream.Bulk, "main", "Egress:ByAccount:shop")]
    [InlineData(null, "other", MailStream.Bulk, "news", "Egress:ByStream:bulk")]
    [InlineData(null, null, MailStream.Transactional, "all", "every source")]
    public void The_message_decides_then_the_account_then_the_stream(string? named, string? account, MailStream stream, string pool, string why)
    {
        var found = Table().PoolOf(named, account, stream);

        Assert.Equal(pool, found.Pool.Name);
        Assert.StartsWith(why, found.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_settings_there_is_one_source_and_lanes_are_called_by_their_site()
    {
        var table = new EgressTable(new EgressOptions(), new PlatformOptions { HostName = "mail.shop.test" });

        var source = Assert.Single(table.PoolOf(null, "shop", MailStream.Bulk).Pool.Members).Source;
        Assert.Equal(("default", "mail.shop.test", "mx:x"), (source.Name, source.HelloName, table.LaneOf("mx:x", source)));
        Assert.Equal("mx:x@a", Table().LaneOf("mx:x", Table().Sources.Single(s => s.Name == "a")));
    }

    [Fact]
    public void A_source_reaches_the_families_that_it_has_addresses_of()
    {
        var (v4, v6, any) = (Table().Sources.Single(s => s.Name == "a"), Table().Sources.Single(s => s.Name == "b"), new EgressSource("x", "x.test"));

        Assert.Equal((true, false), Reaches(v4));
        Assert.Equal((false, true), Reaches(v6));
        Assert.Equal((true, true), Reaches(any));

        static (bool, bool) Reaches(EgressSource source) =>
            (source.Reaches(System.Net.Sockets.AddressFamily.InterNetwork), source.Reaches(System.Net.Sockets.AddressFamily.InterNetworkV6));
    }

    [Fact]
    public void All_that_is_wrong_is_said_with_its_path()
    {
        var wrong = new EgressOptions
        {
            Sources = new Dictionary<string, SourceSettings>
            {
                ["a b"] = new() { Address = IPAddress.IPv6Loopback, Ipv6Address = IPAddress.Loopback, HelloName = "no name", WarmUp = new WarmUpSettings { Start = "soon" } },
            },
            Pools = new Dictionary<string, IReadOnlyDictionary<string, int>> { ["p"] = new Dictionary<string, int> { ["x"] = 0 } },
            DefaultPool = "q",
            ByAccount = new Dictionary<string, string> { ["shop"] = "q" },
            ByStream = new Dictionary<string, string> { ["fast"] = "p" },
            BlockLists = ["no list"],
        };

        Assert.Equal(
            [
                "BlockLists:0", "ByAccount:shop", "ByStream:fast", "DefaultPool", "Pools:p", "Pools:p:x", "Sources:a b", "Sources:a b:Address",
                "Sources:a b:HelloName", "Sources:a b:Ipv6Address", "Sources:a b:WarmUp:Start",
            ],
            wrong.Check().Select(p => p.Key).Order(StringComparer.Ordinal));
        Assert.Empty(options.Check());
    }

    [Fact]
    public void It_is_explained_in_words()
    {
        var text = SourcesExplanation.Of(Table(), null, "shop", MailStream.Bulk, Today);

        Assert.Equal(
            """
            pool       main   Egress:ByAccount:shop
            source     a   from 192.0.2.1, IPv4 only, EHLO a.shop.test, 75% of the mail
            source     b   from 2001:db8::1, IPv6 only, EHLO mail.shop.test, 25% of the mail, warm-up day 2 of 2: 100 messages today

            """,
            text);
        Assert.StartsWith("note       there is no pool x", SourcesExplanation.Of(Table(), "x", null, MailStream.Bulk, Today), StringComparison.Ordinal);
    }

    private EgressTable Table() => new(options, new PlatformOptions { HostName = "mail.shop.test" });
}
