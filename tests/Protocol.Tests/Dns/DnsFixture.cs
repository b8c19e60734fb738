using System.Collections.Concurrent;
using System.Net;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>A resolver with a clock that stands still, and the servers it asks.</summary>
public abstract class DnsFixture : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly List<DnsResolver> _resolvers = [];

    protected LoopbackDns Server { get; } = new();

    protected LoopbackDns Second { get; } = new();

    protected ManualTime Time { get; } = new();

    protected DnsCounts Counts { get; } = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _resolvers.ForEach(r => r.Dispose());
        await Server.DisposeAsync();
        await Second.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected DnsResolver Resolver(DnsResolverOptions? options = null, params IPEndPoint[] servers)
    {
        servers = servers.Length == 0 ? [Server.EndPoint] : servers;
        var resolver = DnsTransports.Resolver((options ?? new DnsResolverOptions()) with { Servers = servers }, Time, Counts);
        _resolvers.Add(resolver);
        return resolver;
    }

    protected static Task<DnsAnswer> Ask(DnsResolver resolver, string name, DnsType type = DnsType.A) =>
        resolver.QueryAsync(name, type, CancellationToken.None).AsTask().WaitAsync(Bound);

    protected static string AddressOf(DnsAnswer answer) => Assert.IsType<AddressRecord>(Assert.Single(answer.Records)).Address.ToString();
}

public sealed class DnsCounts : IDnsObserver
{
    private int _hits;
    private int _joined;

    public ConcurrentQueue<DnsMismatch> Mismatches { get; } = [];

    public ConcurrentQueue<string> Failures { get; } = [];

    public int Hits => _hits;

    public int JoinedCount => _joined;

    public void Asked(IPEndPoint server, bool overTcp, string name, DnsType type)
    {
    }

    public void Mismatched(IPEndPoint server, DnsMismatch mismatch) => Mismatches.Enqueue(mismatch);

    public void AttemptFailed(IPEndPoint server, string reason) => Failures.Enqueue(reason);

    public void Answered(DnsAnswer answer, TimeSpan elapsed)
    {
    }

    public void CacheHit(DnsAnswer answer) => Interlocked.Increment(ref _hits);

    public void Joined(string name, DnsType type) => Interlocked.Increment(ref _joined);
}
