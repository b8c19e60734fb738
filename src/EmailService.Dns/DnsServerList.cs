using System.Net;

namespace EmailService.Dns;

/// <summary>One server, since when it owes an answer, and whether it could do without EDNS only.</summary>
internal sealed class DnsServer(IPEndPoint endPoint)
{
    private long _benchedUntil = long.MinValue;
    private long _plainUntil = long.MinValue;

    public IPEndPoint EndPoint { get; } = endPoint;

    public bool IsBenched(long now) => Volatile.Read(ref _benchedUntil) > now;

    public void Bench(long until) => Volatile.Write(ref _benchedUntil, until);

    public void Unbench() => Volatile.Write(ref _benchedUntil, long.MinValue);

    public bool IsPlain(long now) => Volatile.Read(ref _plainUntil) > now;

    public void KeepPlain(long until) => Volatile.Write(ref _plainUntil, until);
}

/// <summary>The servers in the order to ask them: as configured, those that lately did not answer last.</summary>
internal sealed class DnsServerList(DnsResolverOptions options, TimeProvider time)
{
    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromSeconds(10);

    // Long enough that its queries do not pay for a try with EDNS each, short enough to see that it was mended.
    private static readonly TimeSpan PlainTime = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private DnsServer[] _servers = [.. options.Servers.Select(s => new DnsServer(s))];
    private long _readAt;
    private bool _read;

    public IReadOnlyList<DnsServer> InOrder()
    {
        var servers = options.Servers.Count > 0 ? _servers : Configured();
        var now = time.GetTimestamp();
        return servers.Length < 2 || !Array.Exists(servers, s => s.IsBenched(now))
            ? servers
            : [.. servers.OrderBy(s => s.IsBenched(now))];
    }

    public void Bench(DnsServer server) => server.Bench(In(options.BenchTime));

    /// <summary>It answered without EDNS what it would not with it: for some minutes it is asked without at once.</summary>
    public void KeepPlain(DnsServer server) => server.KeepPlain(In(PlainTime));

    public bool IsPlain(DnsServer server) => server.IsPlain(time.GetTimestamp());

    private long In(TimeSpan span) => time.GetTimestamp() + (long)(span.TotalSeconds * time.TimestampFrequency);

    // A laptop changes networks and a container gets its file late: look at it again now and then.
    private DnsServer[] Configured()
    {
        lock (_gate)
        {
            if (!_read || time.GetElapsedTime(_readAt) > ReadAgainAfter)
            {
                _readAt = time.GetTimestamp();
                var found = ResolvConf.TryLoad(options.ResolvConfPath);
                if (found is null && !_read)
                {
                    found = ResolvConf.Parse([]);
                }

                _read = true;
                if (found is not null && !found.SequenceEqual(_servers.Select(s => s.EndPoint)))
                {
                    _servers = [.. found.Select(s => new DnsServer(s))];
                }
            }

            return _servers;
        }
    }
}
