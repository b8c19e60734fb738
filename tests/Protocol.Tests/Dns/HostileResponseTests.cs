using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>Octets that no honest server sends for our question, over real sockets.</summary>
public sealed class HostileResponseTests
{
    private const int Packets = 25;

    public static TheoryData<string> Kinds => [.. Enum.GetNames<Hostile>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_is_not_the_answer_is_not_believed_and_ends_within_the_deadline(string name)
    {
        var kind = Enum.Parse<Hostile>(name);
        var index = 0;
        await using var server = new ScriptedDns((query, tcp) =>
        {
            var hostile = HostileResponses.Of(kind, query, new Random(index));
            return !tcp ? [hostile, (HostileResponses.Failure(query), false)] : hostile.FromElsewhere ? [] : [hostile];
        });
        var options = new DnsResolverOptions { Servers = [server.EndPoint], CacheEntries = 0, FailureTtl = TimeSpan.Zero, Rounds = 1 };
        using var resolver = DnsTransports.Resolver(options, TimeProvider.System);
        for (; index < Packets; index++)
        {
            var answer = await resolver.QueryAsync("some.host.test", DnsType.A, CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
            var isForged = answer.Records.OfType<AddressRecord>().Any(r => r.Address.ToString() == HostileResponses.ForgedAddress);
            Assert.False(isForged && HostileResponses.IsNeverAnAnswer(kind), $"packet {index}: {answer.Detail}");
        }
    }
}
