namespace EmailService.Dns;

/// <summary>An answer, and how many octets it was read from.</summary>
internal readonly record struct DnsFinding(DnsAnswer Answer, int Size);

/// <summary>
/// One query from question to answer over the network: ask the servers in turn until one gives a usable response, and do that again
/// for the target of an alias that was left open, all before the deadline.
/// </summary>
internal sealed class DnsLookup(
    DnsKey key, DnsResolverOptions options, DnsServerList servers, DnsPlaces places, IDnsTransport transport, TimeProvider time, IDnsObserver observer)
{
    private const int MaxNotes = 12;

    private readonly long _started = time.GetTimestamp();
    private readonly List<(DnsServer? Server, string Text)> _notes = [];
    private bool _authenticated = true;
    private bool _serverFailed;
    private int _size;
    private bool _hasAsked;

    public async ValueTask<DnsFinding> RunAsync(CancellationToken deadline)
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
        // Rounds are for servers that keep silent. One that spoke and could not help would only say it again. The last round goes without
        // EDNS: silence and SERVFAIL are what some servers, and firewalls before them, have for a query with it (RFC 6891 §6.2.6, §7).
        var trials = new Dictionary<DnsServer, Trial>();
        var last = options.Rounds - 1;
        for (var round = 0; round <= last; round++)
        {
            var order = servers.InOrder();
            round = round < last && trials.Count > 0 && (order.All(s => trials.GetValueOrDefault(s).HasSpoken) || IsShortOfTime(order.Count)) ? last : round;
            var plain = round == last && last > 0;
            foreach (var server in order)
            {
                if (deadline.IsCancellationRequested)
                {
                    return null;
                }

                if (!plain && last > 0 && trials.Count > 0 && IsShortOfTime(order.Count))
                {
                    break;
                }

                var before = trials.GetValueOrDefault(server);
                if (before.HasSpoken && !(plain && before.MayBeEdns))
                {
                    continue;
                }

                var (reading, trial) = await AskServerAsync(server, name, maxAliases, plain, deadline).ConfigureAwait(false);
                if (reading is not null)
                {
                    // Nobody answered with EDNS, or not this one.
                    if (plain)
                    {
                        servers.KeepPlain(server);
                    }

                    return reading;
                }

                trials[server] = trial;
            }

            if (order.All(s => trials.GetValueOrDefault(s) is { HasSpoken: true, MayBeEdns: false }))
            {
                break;
            }
        }

        return null;
    }

    // Servers that keep silent use up the time: what is left must do for the round without EDNS.
    private bool IsShortOfTime(int serverCount) =>
        options.QueryDeadline - time.GetElapsedTime(_started) <= options.AttemptTimeout * Math.Min(serverCount, 2);

    private async ValueTask<(DnsReading? Reading, Trial Trial)> AskServerAsync(
        DnsServer server, string name, int maxAliases, bool plain, CancellationToken deadline)
    {
        var asked = time.GetTimestamp();
        var manner = new DnsManner(Edns: !plain && !servers.IsPlain(server), Capitals: true);
        var reply = await AskAsync(server, name, manner, deadline).ConfigureAwait(false);
        if (manner.Edns
            && reply.Message is { ResponseCode: DnsResponseCode.FormatError or DnsResponseCode.NotImplemented or DnsResponseCode.BadVersion })
        {
            // RFC 6891 §7: a server from before EDNS may say FORMERR or NOTIMP to it; ask in plain DNS.
            manner = manner with { Edns = false };
            reply = await AskAsync(server, name, manner, deadline).ConfigureAwait(false);
            if (reply.Message is { ResponseCode: DnsResponseCode.NoError or DnsResponseCode.NameError })
            {
                servers.KeepPlain(server);
            }
        }

        if (reply.Message is not { } message)
        {
            Fault(server, reply.Fault);

            // Our own deadline is not the server's fault.
            if (!deadline.IsCancellationRequested)
            {
                servers.Bench(server);
            }

            return (null, new Trial(HasSpoken: false, manner.Edns));
        }

        server.Unbench();
        var reading = DnsReading.Of(message, name, key.Type, maxAliases);
        if (IsDenial(reading) && reply.HadCapitals)
        {
            (reply, reading) = await ConfirmAsync(server, name, maxAliases, manner, reading, deadline).ConfigureAwait(false);
        }

        if (reading.Kind == ReadingKind.Unusable)
        {
            _serverFailed = true;
            Fault(server, reading.Why);
            return (null, new Trial(HasSpoken: true, manner.Edns && message.ResponseCode == DnsResponseCode.ServerFailure));
        }

        _authenticated &= reply.Message!.AuthenticData;
        _size += reply.Size;
        Note(server, reading, reply, time.GetElapsedTime(asked));
        return (reading, default);
    }

    private async ValueTask<DnsReply> AskAsync(DnsServer server, string name, DnsManner manner, CancellationToken deadline)
    {
        var isFirst = !_hasAsked;
        _hasAsked = true;
        try
        {
            await places.TakeAsync(isFirst, deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return new DnsReply(null, 0, false, "was not asked: too many queries on the network");
        }

        try
        {
            return await transport.AskAsync(server.EndPoint, name, key.Type, manner, deadline).ConfigureAwait(false);
        }
        finally
        {
            places.Release(isFirst);
        }
    }

    // A denial of the name itself. "No MX" counts as one: mail would go to the address of the domain instead.
    private bool IsDenial(in DnsReading reading) =>
        reading.Aliases == 0 && (reading.Kind == ReadingKind.NoSuchDomain || (reading.Kind == ReadingKind.NoData && key.Type == DnsType.Mx));

    /// <summary>Asks once more in small letters. Some servers compare names octet by octet, though case means nothing (RFC 4343 §3), and a
    /// denial that only our capitals brought about would end a mail. What is not confirmed is no answer.</summary>
    private async ValueTask<(DnsReply Reply, DnsReading Reading)> ConfirmAsync(
        DnsServer server, string name, int maxAliases, DnsManner manner, DnsReading denial, CancellationToken deadline)
    {
        var reply = await AskAsync(server, name, manner with { Capitals = false }, deadline).ConfigureAwait(false);
        var said = Say(denial);
        if (reply.Message is null)
        {
            return (reply, denial with { Kind = ReadingKind.Unusable, Why = $"said {said} to capitals, and to small letters {reply.Fault}" });
        }

        var reading = DnsReading.Of(reply.Message, name, key.Type, maxAliases);
        return reading.Kind switch
        {
            ReadingKind.Unusable => (reply, reading with { Why = $"said {said} to capitals, and {reading.Why} to small letters" }),
            ReadingKind.Found or ReadingKind.Alias or ReadingKind.NoData or ReadingKind.NoSuchDomain => (reply, reading),
        };
    }

    private string Say(in DnsReading reading) => reading.Kind switch
    {
        ReadingKind.Found => $"{reading.Records.Count} {key.Type}",
        ReadingKind.NoData => $"no {key.Type}",
        ReadingKind.NoSuchDomain => "NXDOMAIN",
        ReadingKind.Alias or ReadingKind.Unusable => "alias",
    };

    private void Note(DnsServer server, in DnsReading reading, in DnsReply reply, TimeSpan elapsed) =>
        Note($"said {Say(reading)} for {reading.LastName} by {(reply.OverTcp ? "TCP" : "UDP")} in {elapsed.TotalMilliseconds:0} ms", server);

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
            status, key.Name, key.Type, records, _authenticated, canonicalName, time.GetUtcNow() + hold, Notes(server => server.EndPoint.ToString()))
        {
            Reason = Numbered(),
        };
        observer.Answered(answer, time.GetElapsedTime(_started));
        return new DnsFinding(answer, _size);
    }

    private void Fault(DnsServer server, string why)
    {
        observer.AttemptFailed(server.EndPoint, why);
        Note(why, server);
    }

    private void Note(string note, DnsServer? server = null)
    {
        if (_notes.Count < MaxNotes)
        {
            _notes.Add((server, note));
        }
    }

    private string Notes(Func<DnsServer, string> name) =>
        string.Join("; ", _notes.Select(note => note.Server is null ? note.Text : $"{name(note.Server)} {note.Text}"));

    private string Numbered()
    {
        var asked = _notes.Select(note => note.Server).OfType<DnsServer>().Distinct().ToList();
        return Notes(server => $"resolver {asked.IndexOf(server) + 1}");
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    /// <summary>What came of asking one server, when it was no answer.</summary>
    /// <param name="HasSpoken">It said something.</param>
    /// <param name="MayBeEdns">Without EDNS it might have answered.</param>
    private readonly record struct Trial(bool HasSpoken, bool MayBeEdns);
}
