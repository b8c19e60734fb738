namespace EmailService.Dns;

/// <summary>An answer, and how many octets it was read from.</summary>
internal readonly record struct DnsFinding(DnsAnswer Answer, int Size);

/// <summary>
/// One query from question to answer over the network: ask the servers in turn until one gives a usable response, and do that again
/// for the target of an alias that was left open, all before the deadline.
/// </summary>
internal sealed class DnsLookup(
    DnsKey key, DnsResolverOptions options, DnsServerList servers, DnsTransport transport, TimeProvider time, IDnsObserver observer)
{
    private const int MaxNotes = 12;

    private readonly long _started = time.GetTimestamp();
    private readonly List<string> _notes = [];
    private bool _authenticated = true;
    private bool _serverFailed;
    private int _size;

    public async ValueTask<DnsFinding> RunAsync(SemaphoreSlim slots, CancellationToken deadline)
    {
        try
        {
            await slots.WaitAsync(deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Note("too many queries on the network");
            return Failure(deadline);
        }

        try
        {
            return await FollowAsync(deadline).ConfigureAwait(false);
        }
        finally
        {
            slots.Release();
        }
    }

    private async ValueTask<DnsFinding> FollowAsync(CancellationToken deadline)
    {
        var name = key.Name;
        var aliases = 0;
        var ttl = TimeSpan.MaxValue;
        while (true)
        {
            if (await AskServersAsync(name, options.MaxAliases - aliases, deadline).ConfigureAwait(false) is not { } reading)
            {
                return Failure(deadline);
            }

            name = reading.LastName;
            aliases += reading.Aliases;
            ttl = reading.Ttl < ttl ? reading.Ttl : ttl;
            switch (reading.Kind)
            {
                case ReadingKind.Found:
                    return Finding(DnsStatus.Found, name, reading.Records, Min(ttl, options.MaxTtl));
                case ReadingKind.NoData:
                    return Finding(DnsStatus.NoData, name, [], Min(ttl, Min(options.MaxTtl, options.MaxNegativeTtl)));
                case ReadingKind.NoSuchDomain:
                    return Finding(DnsStatus.NoSuchDomain, name, [], Min(ttl, Min(options.MaxTtl, options.MaxNegativeTtl)));
                case ReadingKind.Alias or ReadingKind.Unusable:
                    break;
            }
        }
    }

    private async ValueTask<DnsReading?> AskServersAsync(string name, int maxAliases, CancellationToken deadline)
    {
        // Rounds are for servers that keep silent. One that spoke and could not help would only say it again.
        var spoke = new HashSet<DnsServer>();
        for (var round = 0; round < options.Rounds; round++)
        {
            var order = servers.InOrder();
            foreach (var server in order)
            {
                if (deadline.IsCancellationRequested)
                {
                    return null;
                }

                if (!spoke.Contains(server) && await AskServerAsync(server, name, maxAliases, spoke, deadline).ConfigureAwait(false) is { } reading)
                {
                    return reading;
                }
            }

            if (order.All(spoke.Contains))
            {
                break;
            }
        }

        return null;
    }

    private async ValueTask<DnsReading?> AskServerAsync(
        DnsServer server, string name, int maxAliases, HashSet<DnsServer> spoke, CancellationToken deadline)
    {
        var asked = time.GetTimestamp();
        var reply = await transport.AskAsync(server.EndPoint, name, key.Type, true, deadline).ConfigureAwait(false);
        if (reply.Message is { ResponseCode: DnsResponseCode.FormatError or DnsResponseCode.NotImplemented or DnsResponseCode.BadVersion })
        {
            // RFC 6891 §7: a server from before EDNS may say FORMERR or NOTIMP to it; ask in plain DNS.
            reply = await transport.AskAsync(server.EndPoint, name, key.Type, false, deadline).ConfigureAwait(false);
        }

        if (reply.Message is not { } message)
        {
            Fault(server, reply.Fault);

            // Our own deadline is not the server's fault.
            if (!deadline.IsCancellationRequested)
            {
                servers.Bench(server);
            }

            return null;
        }

        server.Unbench();
        var elapsed = time.GetElapsedTime(asked).TotalMilliseconds;
        var reading = DnsReading.Of(message, name, key.Type, maxAliases);
        if (reading.Kind == ReadingKind.Unusable)
        {
            spoke.Add(server);
            _serverFailed = true;
            Fault(server, reading.Why);
            return null;
        }

        _authenticated &= message.AuthenticData;
        _size += reply.Size;
        var said = reading.Kind switch
        {
            ReadingKind.Found => $"{reading.Records.Count} {key.Type}",
            ReadingKind.NoData => $"no {key.Type}",
            ReadingKind.NoSuchDomain => "NXDOMAIN",
            ReadingKind.Alias or ReadingKind.Unusable => "alias",
        };
        Note($"{server.EndPoint} said {said} for {reading.LastName} by {(reply.OverTcp ? "TCP" : "UDP")} in {elapsed:0} ms");
        return reading;
    }

    private DnsFinding Failure(CancellationToken deadline)
    {
        if (deadline.IsCancellationRequested)
        {
            Note($"gave up after {time.GetElapsedTime(_started).TotalMilliseconds:0} ms");
        }

        _authenticated = false;
        return Finding(_serverFailed ? DnsStatus.ServerFailed : DnsStatus.NoAnswer, key.Name, [], options.FailureTtl);
    }

    private DnsFinding Finding(DnsStatus status, string canonicalName, IReadOnlyList<DnsRecord> records, TimeSpan hold)
    {
        var answer = new DnsAnswer(
            status, key.Name, key.Type, records, _authenticated, canonicalName, time.GetUtcNow() + hold, string.Join("; ", _notes));
        observer.Answered(answer, time.GetElapsedTime(_started));
        return new DnsFinding(answer, _size);
    }

    private void Fault(DnsServer server, string why)
    {
        observer.AttemptFailed(server.EndPoint, why);
        Note($"{server.EndPoint} {why}");
    }

    private void Note(string note)
    {
        if (_notes.Count < MaxNotes)
        {
            _notes.Add(note);
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
