using System.Net;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

public sealed class DnsSpoofTests : DnsFixture
{
    public DnsSpoofTests() => Server.A("host.test", "127.0.0.7");

    [Theory]
    [InlineData(DnsFault.WrongIdFirst, DnsMismatch.Id)]
    [InlineData(DnsFault.WrongQuestionFirst, DnsMismatch.Question)]
    public async Task A_forged_answer_is_passed_over(DnsFault forgery, DnsMismatch mismatch)
    {
        Server.Fault("host.test", forgery);
        Assert.Equal("127.0.0.7", AddressOf(await Ask(Resolver(), "host.test")));
        Assert.Equal([mismatch], Counts.Mismatches);
        Assert.False(Assert.Single(Server.Log).OverTcp);
    }

    [Fact]
    public async Task An_answer_from_another_port_is_not_even_seen()
    {
        Server.Fault("host.test", DnsFault.WrongSourceFirst);
        Assert.Equal("127.0.0.7", AddressOf(await Ask(Resolver(), "host.test")));
        Assert.Empty(Counts.Mismatches);
    }

    [Fact]
    public async Task A_forged_no_does_not_count()
    {
        // The forgery says nothing, the truth says no: and the other way round.
        Server.Fault("gone.test", DnsFault.WrongIdFirst);
        Assert.Equal(DnsStatus.NoSuchDomain, (await Ask(Resolver(), "gone.test")).Status);
    }

    [Fact]
    public async Task A_server_that_does_not_keep_capitals_is_asked_by_TCP()
    {
        // Forty letters: the chance that all were sent in lower case is one in 10^12.
        const string Name = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn.test";
        Server.A(Name, "127.0.0.8").Fault(Name, DnsFault.LowerCase);
        Assert.Equal("127.0.0.8", AddressOf(await Ask(Resolver(), Name)));
        Assert.Equal([DnsMismatch.Case], Counts.Mismatches);
        Assert.Equal([false, true], Server.Log.Select(q => q.OverTcp));
    }

    [Fact]
    public async Task A_flood_of_guesses_moves_the_query_to_TCP()
    {
        Server.Fault("host.test", DnsFault.WrongIdsOnly);
        Assert.Equal("127.0.0.7", AddressOf(await Ask(Resolver(), "host.test")));
        Assert.Equal(8, Counts.Mismatches.Count);
        Assert.True(Server.Log[^1].OverTcp);
    }

    [Fact]
    public async Task An_unreadable_answer_is_asked_for_again_by_TCP()
    {
        Server.Fault("host.test", DnsFault.Garbage);
        Assert.Equal("127.0.0.7", AddressOf(await Ask(Resolver(), "host.test")));
        Assert.Equal([DnsMismatch.Malformed], Counts.Mismatches);
    }

    [Fact]
    public async Task Ids_ports_and_capitals_differ_from_query_to_query()
    {
        var resolver = Resolver();
        for (var i = 0; i < 16; i++)
        {
            await Ask(resolver, "host.test");
            resolver.Clear();
        }

        Assert.InRange(Server.Log.Select(q => q.Query.Id).Distinct().Count(), 14, 16);
        Assert.InRange(Server.Log.Select(q => ((IPEndPoint)q.From).Port).Distinct().Count(), 10, 16);
        Assert.InRange(Server.Log.Select(q => Convert.ToHexString(q.Query.Question!.WireName.Span)).Distinct().Count(), 10, 16);
        Assert.All(Server.Log, q => Assert.Equal(1232, q.Query.EdnsPayloadSize));
        Assert.All(Server.Log, q => Assert.True(q.Query is { RecursionDesired: true, AuthenticData: true }));
    }
}
