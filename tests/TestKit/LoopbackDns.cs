using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using EmailService.Dns;

namespace EmailService.TestKit;

/// <summary>What <see cref="LoopbackDns"/> does instead of answering properly.</summary>
public enum DnsFault
{
    /// <summary>Answers properly.</summary>
    None,

    /// <summary>Says nothing; a TCP connection is closed.</summary>
    Drop,

    /// <summary>SERVFAIL.</summary>
    ServFail,

    /// <summary>REFUSED.</summary>
    Refuse,

    /// <summary>FORMERR, as a server from before EDNS does, unless the query comes without EDNS.</summary>
    NoEdns,

    /// <summary>By UDP an empty answer with TC set; by TCP the proper one.</summary>
    Truncate,

    /// <summary>By UDP an empty answer with TC set; TCP connections are closed.</summary>
    TruncateAndCloseTcp,

    /// <summary>By UDP a forged answer with another id first, then the proper one.</summary>
    WrongIdFirst,

    /// <summary>By UDP a forged answer to another question first, then the proper one.</summary>
    WrongQuestionFirst,

    /// <summary>By UDP a forged answer from another port first, then the proper one.</summary>
    WrongSourceFirst,

    /// <summary>By UDP the answer's question is in lower case, whatever was asked.</summary>
    LowerCase,

    /// <summary>By UDP a flood of answers with other ids and nothing else; by TCP the proper one.</summary>
    WrongIdsOnly,

    /// <summary>By UDP the header and question, and then octets that are no record; by TCP the proper answer.</summary>
    Garbage,

    /// <summary>A referral to other servers, as one gives that does not recurse.</summary>
    Referral,

    /// <summary>No such domain, from a server that is no authority and does not recurse.</summary>
    LameNxDomain,

    /// <summary>No such domain, for a name that has records.</summary>
    NxDomainWithRecords,

    /// <summary>By UDP and by TCP an empty answer with TC set.</summary>
    TruncateAlsoByTcp,

    /// <summary>Says nothing to a query with EDNS, as behind a firewall that drops it; answers one without.</summary>
    DropEdns,

    /// <summary>SERVFAIL to a query with EDNS; answers one without.</summary>
    ServFailEdns,

    /// <summary>NOTIMP to a query with EDNS; answers one without.</summary>
    NotImplementedEdns,

    /// <summary>BADVERS to a query with EDNS; answers one without.</summary>
    BadVersionEdns,

    /// <summary>No such domain, to a name that was asked for with a capital in it; answers small letters.</summary>
    NxDomainToCapitals,

    /// <summary>No records, to a name that was asked for with a capital in it; answers small letters.</summary>
    NoDataToCapitals,

    /// <summary>No such domain, to a name that was asked for with a capital in it; SERVFAIL to small letters.</summary>
    NxDomainToCapitalsOnly,
}

/// <summary>A query as it arrived.</summary>
public sealed record DnsLogEntry(string Name, DnsType Type, bool OverTcp, DnsMessage Query, EndPoint From);

/// <summary>
/// A DNS server on 127.0.0.1, on the same port by UDP and TCP, whose data and misbehaviour a test sets. A name with any record, or
/// above one that has, exists: asked for another type it answers "no data". Others do not exist. Both come with an SOA.
/// Changes hold from the next query on.
/// </summary>
public sealed class LoopbackDns : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<DnsRecord>> _records = [];
    private readonly Dictionary<string, (DnsFault Fault, int Times)> _faults = [];
    private readonly Dictionary<string, TaskCompletionSource> _held = [];
    private readonly List<DnsLogEntry> _log = [];
    private readonly List<(Func<bool> Condition, TaskCompletionSource Met)> _waiters = [];
    private readonly ConcurrentDictionary<Task, bool> _tasks = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _udp;
    private readonly Socket _tcp;

    public LoopbackDns()
    {
        (_udp, _tcp) = BindBoth();
        EndPoint = (IPEndPoint)_udp.LocalEndPoint!;
        Track(ServeUdpAsync());
        Track(ServeTcpAsync());
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The time to live of records added from now on.</summary>
    public TimeSpan Ttl { get; set; } = TimeSpan.FromSeconds(300);

    /// <summary>How long negative answers hold; null: they come without SOA.</summary>
    public TimeSpan? NegativeTtl { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether the AD bit is set in answers to queries that ask for it.</summary>
    public bool Authenticated { get; set; }

    /// <summary>Names at and below which answers never have the AD bit: a zone that is not signed.</summary>
    public System.Collections.Concurrent.ConcurrentBag<string> Unsigned { get; } = [];

    /// <summary>Whether an answer with an alias also has what the alias stands for.</summary>
    public bool FollowAliases { get; set; } = true;

    /// <summary>Whether answers by TCP are sent an octet at a time.</summary>
    public bool TrickleTcp { get; set; }

    /// <summary>How many queries arrived, by UDP and TCP.</summary>
    public int QueryCount => Log.Count;

    /// <summary>All queries in the order of their arrival.</summary>
    public IReadOnlyList<DnsLogEntry> Log
    {
        get
        {
            lock (_gate)
            {
                return [.. _log];
            }
        }
    }

    /// <summary>How many queries for this name arrived, of one type or all.</summary>
    public int CountOf(string name, DnsType? type = null) =>
        Log.Count(q => q.Name == Normal(name) && (type is null || q.Type == type));

    public LoopbackDns A(string name, string address) => Add(new AddressRecord(Normal(name), Ttl, IPAddress.Parse(address)));

    public LoopbackDns Aaaa(string name, string address) => A(name, address);

    public LoopbackDns Mx(string name, int preference, string exchange) =>
        Add(new MxRecord(Normal(name), Ttl, preference, Normal(exchange)));

    /// <summary>The domain takes no mail (RFC 7505).</summary>
    public LoopbackDns NullMx(string name) => Mx(name, 0, "");

    public LoopbackDns Txt(string name, string text) => Add(new TxtRecord(Normal(name), Ttl, text));

    public LoopbackDns Cname(string name, string target) => Add(new CnameRecord(Normal(name), Ttl, Normal(target)));

    /// <summary>Gives an address a name.</summary>
    public LoopbackDns Ptr(string address, string target) =>
        Add(new PtrRecord(DnsName.Reverse(IPAddress.Parse(address)), Ttl, Normal(target)));

    public LoopbackDns Tlsa(string name, byte usage, byte selector, byte matchingType, byte[] data) =>
        Add(new TlsaRecord(Normal(name), Ttl, usage, selector, matchingType, data));

    /// <summary>Adds any record.</summary>
    public LoopbackDns Add(DnsRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        lock (_gate)
        {
            if (!_records.TryGetValue(record.Name, out var list))
            {
                _records[record.Name] = list = [];
            }

            list.Add(record);
        }

        return this;
    }

    /// <summary>Removes the name's records, of one type or all, and its fault if all.</summary>
    public LoopbackDns Remove(string name, DnsType? type = null)
    {
        lock (_gate)
        {
            var normal = Normal(name);
            if (type is null)
            {
                _records.Remove(normal);
                _faults.Remove(normal);
            }
            else if (_records.TryGetValue(normal, out var list) && list.RemoveAll(r => r.Type == type) > 0 && list.Count == 0)
            {
                _records.Remove(normal);
            }
        }

        return this;
    }

    /// <summary>Answers SERVFAIL for a name until it is removed or repaired.</summary>
    public LoopbackDns ServFail(string name) => Fault(name, DnsFault.ServFail);

    /// <summary>Says nothing to queries for a name until it is removed or repaired.</summary>
    public LoopbackDns Drop(string name) => Fault(name, DnsFault.Drop);

    /// <summary>Misbehaves for a name, so many times; the name <c>*</c> is every name.</summary>
    public LoopbackDns Fault(string name, DnsFault fault, int times = int.MaxValue)
    {
        lock (_gate)
        {
            _faults[name == "*" ? name : Normal(name)] = (fault, times);
        }

        return this;
    }

    /// <summary>Ends the misbehaviour for a name.</summary>
    public LoopbackDns Repair(string name) => Fault(name, DnsFault.None, 0);

    /// <summary>Keeps answers for a name back until <see cref="Release"/>.</summary>
    public LoopbackDns Hold(string name)
    {
        lock (_gate)
        {
            _held.TryAdd(Normal(name), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        return this;
    }

    /// <summary>Sends the answers that were kept back.</summary>
    public void Release(string name)
    {
        lock (_gate)
        {
            if (_held.Remove(Normal(name), out var held))
            {
                held.TrySetResult();
            }
        }
    }

    /// <summary>Waits until so many queries have arrived in all.</summary>
    public Task WhenQueries(int count) => When(() => _log.Count >= count);

    /// <summary>Waits until so many queries for a name have arrived.</summary>
    public Task WhenQueries(string name, int count) => When(() => _log.Count(q => q.Name == Normal(name)) >= count);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _udp.Dispose();
        _tcp.Dispose();
        await Task.WhenAll(_tasks.Keys);
        _stop.Dispose();
    }

    private static string Normal(string name) =>
        DnsName.TryNormalise(name, out var normal, out var error) ? normal : throw new ArgumentException(error, nameof(name));

    // UDP and TCP ports are handed out apart, so the second may be taken: then try again.
    private static (Socket Udp, Socket Tcp) BindBoth()
    {
        for (var attempt = 0; ; attempt++)
        {
            var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                tcp.Listen(128);
                udp.Bind(tcp.LocalEndPoint!);
                return (udp, tcp);
            }
            catch (SocketException) when (attempt < 20)
            {
                tcp.Dispose();
                udp.Dispose();
            }
        }
    }

    private Task When(Func<bool> condition)
    {
        lock (_gate)
        {
            if (condition())
            {
                return Task.CompletedTask;
            }

            var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((condition, met));
            return met.Task.WaitAsync(Bound);
        }
    }

    private void Track(Task task)
    {
        _tasks[task] = true;
        task.ContinueWith(t => _tasks.TryRemove(t, out _), TaskScheduler.Default);
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[65_535];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var got = await _udp.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                if (DnsMessage.TryParse(buffer.AsSpan(0, got.ReceivedBytes), out var query) && query is { IsResponse: false, Question: not null })
                {
                    Track(AnswerUdpAsync(query, got.RemoteEndPoint));
                }
            }
            catch (Exception e) when (Stopped(e))
            {
                return;
            }
            catch (SocketException)
            {
                // A client closed its port before our answer came.
            }
        }
    }

    private async Task AnswerUdpAsync(DnsMessage query, EndPoint client)
    {
        try
        {
            var fault = await ArriveAsync(query, false, client);
            foreach (var (message, elsewhere) in LoopbackDnsScript.Udp(query, Resolve(query), fault))
            {
                using var other = elsewhere ? new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) : null;
                await (other ?? _udp).SendToAsync(message, SocketFlags.None, client, _stop.Token);
            }
        }
        catch (Exception e) when (Stopped(e) || e is SocketException)
        {
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                Track(AnswerTcpAsync(await _tcp.AcceptAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (Stopped(e))
        {
        }
    }

    private async Task AnswerTcpAsync(Socket socket)
    {
        try
        {
            socket.NoDelay = true;
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            var prefix = new byte[2];
            while (true)
            {
                await stream.ReadExactlyAsync(prefix, _stop.Token);
                var octets = new byte[BinaryPrimitives.ReadUInt16BigEndian(prefix)];
                await stream.ReadExactlyAsync(octets, _stop.Token);
                if (!DnsMessage.TryParse(octets, out var query) || query.Question is null)
                {
                    return;
                }

                var fault = await ArriveAsync(query, true, socket.RemoteEndPoint!);
                if (LoopbackDnsScript.Tcp(query, Resolve(query), fault) is not { } answer)
                {
                    return;
                }

                BinaryPrimitives.WriteUInt16BigEndian(prefix, (ushort)answer.Length);
                byte[] framed = [.. prefix, .. answer];
                foreach (var part in framed.Chunk(TrickleTcp ? 1 : framed.Length))
                {
                    await stream.WriteAsync(part, _stop.Token);
                }
            }
        }
        catch (Exception e) when (Stopped(e) || e is IOException or SocketException)
        {
        }
    }

    private bool Stopped(Exception e) => e is OperationCanceledException or ObjectDisposedException || _stop.IsCancellationRequested;

    private async Task<DnsFault> ArriveAsync(DnsMessage query, bool tcp, EndPoint from)
    {
        var name = query.Question!.Name;
        DnsFault fault;
        Task held;
        lock (_gate)
        {
            _log.Add(new DnsLogEntry(name, query.Question.Type, tcp, query, from));
            foreach (var waiter in _waiters.Where(w => w.Condition()).ToArray())
            {
                _waiters.Remove(waiter);
                waiter.Met.TrySetResult();
            }

            fault = TakeFault(name, tcp);
            held = _held.TryGetValue(name, out var source) ? source.Task : Task.CompletedTask;
        }

        await held.WaitAsync(_stop.Token);
        return fault;
    }

    private DnsFault TakeFault(string name, bool tcp)
    {
        var key = _faults.TryGetValue(name, out var found) && found.Times > 0 ? name : "*";
        if (!_faults.TryGetValue(key, out found) || found.Times == 0)
        {
            return DnsFault.None;
        }

        // What happens by UDP only is not used up by the TCP query that follows from it.
        if (!tcp || found.Fault is DnsFault.Drop or DnsFault.ServFail or DnsFault.Refuse)
        {
            _faults[key] = (found.Fault, found.Times == int.MaxValue ? int.MaxValue : found.Times - 1);
        }

        return found.Fault;
    }

    private DnsMessage Resolve(DnsMessage query)
    {
        lock (_gate)
        {
            var answers = new List<DnsRecord>();
            var name = query.Question!.Name;
            var type = query.Question.Type;
            for (var hop = 0; hop < 16; hop++)
            {
                var here = _records.GetValueOrDefault(name) ?? [];
                var alias = type == DnsType.Cname ? null : here.OfType<CnameRecord>().FirstOrDefault();
                if (alias is null)
                {
                    answers.AddRange(here.Where(r => r.Type == type));
                    break;
                }

                answers.Add(alias);
                name = alias.Target;
                if (!FollowAliases)
                {
                    return LoopbackDnsScript.Response(query, DnsResponseCode.NoError, answers, [], IsSigned(query.Question.Name) && IsSigned(name));
                }
            }

            var positive = answers.Exists(r => r.Type == type);
            var exists = positive || _records.Keys.Any(n => n == name || n.EndsWith("." + name, StringComparison.Ordinal));
            return LoopbackDnsScript.Response(
                query, exists ? DnsResponseCode.NoError : DnsResponseCode.NameError, answers, positive ? [] : Soa(name),
                IsSigned(query.Question.Name) && IsSigned(name));
        }
    }

    private bool IsSigned(string name) =>
        Authenticated && !Unsigned.Any(zone => name == zone || name.EndsWith("." + zone, StringComparison.Ordinal));

    // The name's last label stands for the zone that says no.
    private DnsRecord[] Soa(string name)
    {
        if (NegativeTtl is not { } hold)
        {
            return [];
        }

        var zone = name[(name.LastIndexOf('.') + 1)..];
        var day = TimeSpan.FromDays(1);
        return [new SoaRecord(zone, hold, "ns.invalid", "hostmaster.invalid", 1, day, day, day, hold)];
    }
}
