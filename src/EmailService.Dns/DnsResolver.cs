using System.Net;

namespace EmailService.Dns;

/// <summary>
/// A stub resolver: it asks recursive resolvers and believes them, with care about who is speaking.
/// <list type="bullet">
/// <item>UDP first, on a fresh port with a random id and random capitals; TCP when the answer was cut or looks forged.</item>
/// <item>An answer is kept for its time to live, also "no data" and "no such domain" (RFC 2308); a failure only for seconds.</item>
/// <item>Callers who ask the same at the same time share one query. A caller who leaves does not end it.</item>
/// <item>What the network does is a <see cref="DnsAnswer"/>, never an exception.</item>
/// </list>
/// Safe for use by many threads; keep one for the life of the program.
/// </summary>
public sealed class DnsResolver : IDnsResolver, IDisposable
{
    private readonly DnsResolverOptions _options;
    private readonly TimeProvider _time;
    private readonly IDnsObserver _observer;
    private readonly DnsServerList _servers;
    private readonly IDnsTransport _transport;
    private readonly DnsCache _cache;
    private readonly DnsPlaces _places;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<DnsKey, UnderWay> _underWay = [];
    private volatile bool _disposed;

    /// <summary>Makes a resolver. Opens nothing until it is asked.</summary>
    /// <param name="options">Servers, waits and bounds.</param>
    /// <param name="time">The clock that waits and expiry go by.</param>
    /// <param name="observer">Told of queries, answers and hits; null for nobody.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public DnsResolver(DnsResolverOptions options, TimeProvider time, IDnsObserver? observer = null)
        : this(options, time, observer, null)
    {
    }

    internal DnsResolver(DnsResolverOptions options, TimeProvider time, IDnsObserver? observer, IDnsTransport? transport)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        options.Validate();
        _options = options;
        _time = time;
        _observer = observer ?? NullDnsObserver.Instance;
        _servers = new DnsServerList(options, time);
        _transport = transport ?? new DnsTransport(options, time, _observer);
        _cache = new DnsCache(options.CacheEntries);
        _places = new DnsPlaces(options.MaxConcurrentQueries);
    }

    /// <summary>The name under which the name of an address is found: ask it for <see cref="DnsType.Ptr"/> (RFC 1035 §3.5).</summary>
    /// <param name="address">An IPv4 or IPv6 address.</param>
    /// <returns>A name under <c>in-addr.arpa</c> or <c>ip6.arpa</c>.</returns>
    public static string ReverseName(IPAddress address) => DnsName.Reverse(address);

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The resolver was disposed of.</exception>
    public ValueTask<DnsAnswer> QueryAsync(string name, DnsType type, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<DnsAnswer>(cancellationToken);
        }

        if (!DnsName.TryNormalise(name, out var asked, out var error))
        {
            return new ValueTask<DnsAnswer>(Impossible(name, type, error));
        }

        var key = new DnsKey(asked, type);
        if (_cache.Find(key, _time.GetUtcNow()) is { } kept)
        {
            _observer.CacheHit(kept);
            return new ValueTask<DnsAnswer>(kept);
        }

        return JoinAsync(key, cancellationToken);
    }

    /// <summary>Questions that wait for a place on the network.</summary>
    internal int Waiting => _places.Waiting;

    /// <summary>Forgets every answer. Queries under way go on for those who wait, and what they find is not kept.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _underWay.Clear();
            _cache.Clear();
        }
    }

    /// <summary>Forgets one answer, and nothing else: the next who asks for it has it asked on the network. A query under way for it goes on for those who wait, and what
    /// it finds is not kept.</summary>
    /// <param name="name">The name asked for.</param>
    /// <param name="type">The type asked for.</param>
    public void Forget(string name, DnsType type)
    {
        if (!DnsName.TryNormalise(name, out var asked, out _))
        {
            return;
        }

        var key = new DnsKey(asked, type);
        lock (_gate)
        {
            _underWay.Remove(key);
            _cache.Remove(key);
        }
    }

    /// <summary>Ends queries under way; who waits for them gets <see cref="DnsStatus.NoAnswer"/>.</summary>
    public void Dispose()
    {
        _disposed = true;
        _stopped.Cancel();
    }

    private ValueTask<DnsAnswer> JoinAsync(DnsKey key, CancellationToken cancellationToken)
    {
        UnderWay? shared;
        var joined = true;
        lock (_gate)
        {
            if (!_underWay.TryGetValue(key, out shared))
            {
                // It may have landed between our look and the lock.
                if (_cache.Find(key, _time.GetUtcNow()) is { } kept)
                {
                    return new ValueTask<DnsAnswer>(kept);
                }

                joined = false;
                var begun = shared = new UnderWay();
                _underWay.Add(key, begun);
                begun.Answer = Task.Run(() => LookUpAsync(key, begun), CancellationToken.None);
            }
        }

        if (joined)
        {
            _observer.Joined(key.Name, key.Type);
        }

        return new ValueTask<DnsAnswer>(shared.Answer.WaitAsync(cancellationToken));
    }

    private async Task<DnsAnswer> LookUpAsync(DnsKey key, UnderWay self)
    {
        DnsFinding? found = null;
        try
        {
            using var deadline = new CancellationTokenSource(_options.QueryDeadline, _time);
            using var stop = _stopped.Token.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deadline);
            var lookup = new DnsLookup(key, _options, _servers, _places, _transport, _time, _observer);
            found = await lookup.RunAsync(deadline.Token).ConfigureAwait(false);
            return found.Value.Answer;
        }
        finally
        {
            // Kept before it is no longer shared, so that nobody asks in between; not if it was forgotten meanwhile.
            lock (_gate)
            {
                if (_underWay.TryGetValue(key, out var now) && ReferenceEquals(now, self))
                {
                    if (found is { } finding)
                    {
                        _cache.Put(key, finding.Answer, finding.Size, _time.GetUtcNow());
                    }

                    _underWay.Remove(key);
                }
            }
        }
    }

    private DnsAnswer Impossible(string name, DnsType type, string? error) =>
        new(DnsStatus.NoSuchDomain, name, type, [], false, name, _time.GetUtcNow(), $"not a domain name, nobody was asked: {error}");

    /// <summary>A query that those who ask meanwhile share.</summary>
    private sealed class UnderWay
    {
        /// <summary>Set before anybody else sees the query.</summary>
        public Task<DnsAnswer> Answer { get; set; } = null!;
    }
}
