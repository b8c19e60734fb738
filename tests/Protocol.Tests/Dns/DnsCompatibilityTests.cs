using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>Servers, and boxes before them, that do less than they should: no EDNS, no capitals, not enough of an answer.</summary>
public sealed class DnsCompatibilityTests : DnsFixture
{
    // Forty letters: the chance that all are sent small is one in 10^12.
    private const string Name = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn.test";

    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(2);

    public DnsCompatibilityTests()
    {
        Server.A(Name, "127.0.0.1").Mx(Name, 10, "mx.test");
        Second.A(Name, "127.0.0.2").Mx(Name, 10, "mx.test");
    }

    [Theory]
    [InlineData(DnsType.A)]
    [InlineData(DnsType.Mx)]
    [InlineData(DnsType.Txt)]
    public async Task An_answer_that_is_truncated_also_by_TCP_is_no_answer(DnsType type)
    {
        Server.Fault(Name, DnsFault.TruncateAlsoByTcp);
        var answer = await Ask(Resolver(new DnsResolverOptions { Rounds = 1 }), Name, type);
        Assert.Equal(DnsStatus.NoAnswer, answer.Status);
        Assert.Contains("truncated", answer.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DnsFault.NoEdns)]
    [InlineData(DnsFault.ServFailEdns)]
    [InlineData(DnsFault.NotImplementedEdns)]
    [InlineData(DnsFault.BadVersionEdns)]
    public async Task A_server_that_refuses_EDNS_is_asked_without_it_and_from_then_on_too(DnsFault refusal)
    {
        Server.Fault("*", refusal).A("other.test", "127.0.0.3");
        var resolver = Resolver();
        Assert.Equal("127.0.0.1", AddressOf(await Ask(resolver, Name)));
        Assert.Equal("127.0.0.3", AddressOf(await Ask(resolver, "other.test")));
        Assert.Equal([1232, null, null], Server.Log.Select(q => q.Query.EdnsPayloadSize));

        // Some minutes later it is given the chance to show that it has learned.
        Server.Repair("*");
        resolver.Clear();
        Time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal("127.0.0.1", AddressOf(await Ask(resolver, Name)));
        Assert.Equal(1232, Server.Log[^1].Query.EdnsPayloadSize);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task Servers_that_drop_EDNS_are_asked_without_it_in_the_last_round_that_time_allows(int servers)
    {
        Server.Fault("*", DnsFault.DropEdns).A("other.test", "127.0.0.3");
        var resolver = Resolver(null, [.. Enumerable.Repeat(Server.EndPoint, servers)]);
        var answer = Ask(resolver, Name);
        for (var asked = 1; Server.Log.All(q => q.Query.EdnsPayloadSize is not null); asked++)
        {
            await Server.WhenQueries(asked);
            if (Server.Log[asked - 1].Query.EdnsPayloadSize is not null)
            {
                Time.Advance(AttemptTimeout);
            }
        }

        Assert.Equal("127.0.0.1", AddressOf(await answer));

        // What it found out is not paid for again by the next query.
        var before = Server.QueryCount;
        Assert.Equal("127.0.0.3", AddressOf(await Ask(resolver, "other.test")));
        Assert.Null(Server.Log[before].Query.EdnsPayloadSize);
    }

    [Fact]
    public async Task A_query_that_was_lost_once_is_asked_again_with_EDNS()
    {
        Server.Fault(Name, DnsFault.Drop, times: 1);
        var answer = Ask(Resolver(), Name);
        await Server.WhenQueries(1);
        Time.Advance(AttemptTimeout);
        Assert.Equal("127.0.0.1", AddressOf(await answer));
        Assert.All(Server.Log, q => Assert.Equal(1232, q.Query.EdnsPayloadSize));
    }

    [Theory]
    [InlineData(DnsFault.NxDomainToCapitals, DnsType.A)]
    [InlineData(DnsFault.NxDomainToCapitals, DnsType.Mx)]
    [InlineData(DnsFault.NoDataToCapitals, DnsType.Mx)]
    public async Task A_name_that_is_denied_to_capitals_is_asked_for_again_in_small_letters(DnsFault denial, DnsType type)
    {
        Server.Fault(Name, denial);
        Assert.Equal(DnsStatus.Found, (await Ask(Resolver(), Name, type)).Status);
        Assert.Equal([true, false], Server.Log.Select(HasCapitals));
    }

    [Fact]
    public async Task A_name_that_is_denied_to_small_letters_too_does_not_exist()
    {
        const string Gone = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn.gone.test";
        var answer = await Ask(Resolver(), Gone, DnsType.Mx);
        Assert.Equal(DnsStatus.NoSuchDomain, answer.Status);
        Assert.Equal([true, false], Server.Log.Select(HasCapitals));
    }

    [Fact]
    public async Task A_name_without_letters_is_asked_for_once()
    {
        Assert.Equal(DnsStatus.NoSuchDomain, (await Ask(Resolver(), "1.2.3.4", DnsType.A)).Status);
        Assert.Equal(1, Server.QueryCount);
    }

    [Fact]
    public async Task The_end_of_an_alias_is_not_asked_for_again_since_the_name_itself_was_found()
    {
        Server.Remove(Name).Cname(Name, "gone.test");
        Assert.Equal(DnsStatus.NoSuchDomain, (await Ask(Resolver(), Name, DnsType.Mx)).Status);
        Assert.Equal(1, Server.QueryCount);
    }

    [Fact]
    public async Task A_denial_to_capitals_that_small_letters_do_not_confirm_is_no_answer()
    {
        Server.Fault(Name, DnsFault.NxDomainToCapitalsOnly);
        Assert.Equal(DnsStatus.ServerFailed, (await Ask(Resolver(), Name, DnsType.Mx)).Status);
    }

    private static bool HasCapitals(DnsLogEntry query) => query.Query.Question!.WireName.Span.ContainsAnyInRange((byte)'A', (byte)'Z');
}
