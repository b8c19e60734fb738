namespace EmailService.Dns;

internal enum ReadingKind
{
    Found,
    NoData,
    NoSuchDomain,

    /// <summary>An alias whose target the server left for us to ask.</summary>
    Alias,

    /// <summary>A response from which nothing follows about the name: ask another server.</summary>
    Unusable,
}

/// <summary>
/// What one response says about one question: a pure rule, without network or clock. The response is known to be ours (id,
/// question, source); here it is decided what may be concluded from it.
/// </summary>
/// <param name="Kind">What follows.</param>
/// <param name="LastName">The end of the alias chain as far as the response has it.</param>
/// <param name="Aliases">How many aliases were followed.</param>
/// <param name="Records">The records found.</param>
/// <param name="Ttl">How long it holds; zero if it may not be kept.</param>
/// <param name="Why">For <see cref="ReadingKind.Unusable"/>, what is wrong.</param>
internal readonly record struct DnsReading(
    ReadingKind Kind, string LastName, int Aliases, IReadOnlyList<DnsRecord> Records, TimeSpan Ttl, string Why)
{
    public static DnsReading Of(DnsMessage message, string name, DnsType type, int maxAliases)
    {
        if (message.ResponseCode is not (DnsResponseCode.NoError or DnsResponseCode.NameError))
        {
            return Unusable(name, Say(message.ResponseCode));
        }

        var ttl = TimeSpan.MaxValue;
        var last = name;
        var aliases = 0;
        while (true)
        {
            var records = RecordsAt(message.Answers, last, type, ref ttl);
            if (records.Count > 0)
            {
                // A name that does not exist has no records; whoever says both is not to be believed in either.
                return message.ResponseCode == DnsResponseCode.NameError
                    ? Unusable(name, "NXDOMAIN with records")
                    : new DnsReading(ReadingKind.Found, last, aliases, records, ttl, "");
            }

            if (type == DnsType.Cname || AliasAt(message.Answers, last) is not { } alias)
            {
                break;
            }

            if (++aliases > maxAliases)
            {
                return Unusable(name, $"more than {maxAliases} aliases");
            }

            last = alias.Target;
            ttl = alias.TimeToLive < ttl ? alias.TimeToLive : ttl;
        }

        return Negative(message, last, aliases, ttl);
    }

    internal static string Say(DnsResponseCode code) => code switch
    {
        DnsResponseCode.NoError => "NOERROR",
        DnsResponseCode.FormatError => "FORMERR",
        DnsResponseCode.ServerFailure => "SERVFAIL",
        DnsResponseCode.NameError => "NXDOMAIN",
        DnsResponseCode.NotImplemented => "NOTIMP",
        DnsResponseCode.Refused => "REFUSED",
        DnsResponseCode.BadVersion => "BADVERS",
        _ => $"rcode {(int)code}",
    };

    private static DnsReading Negative(DnsMessage message, string last, int aliases, TimeSpan ttl)
    {
        // RFC 2308 §5: kept as long as the zone's SOA says, the smaller of its own time to live and its minimum; without SOA not at all.
        // An SOA of some other zone says nothing about this name.
        var soa = message.Authorities.OfType<SoaRecord>().FirstOrDefault(s => DnsName.IsAtOrUnder(last, s.Name));
        var hold = soa is null ? TimeSpan.Zero : Min(ttl, Min(soa.TimeToLive, soa.Minimum));

        // To say that something is not there, a server must be an authority for the name or have looked for us.
        if (!message.IsAuthoritative && !message.RecursionAvailable)
        {
            return Unusable(last, "a server that neither is an authority nor recurses");
        }

        if (message.ResponseCode == DnsResponseCode.NameError)
        {
            // RFC 6604 §3: with aliases in the answer, the code is about the last of them.
            return new DnsReading(ReadingKind.NoSuchDomain, last, aliases, [], hold, "");
        }

        if (soa is null && aliases > 0)
        {
            return new DnsReading(ReadingKind.Alias, last, aliases, [], ttl, "");
        }

        // RFC 2308 §2.2: name servers without SOA are a referral, not "no data".
        return soa is null && message.Authorities.Any(r => r is NsRecord)
            ? Unusable(last, "a referral")
            : new DnsReading(ReadingKind.NoData, last, aliases, [], hold, "");
    }

    private static List<DnsRecord> RecordsAt(IReadOnlyList<DnsRecord> answers, string name, DnsType type, ref TimeSpan ttl)
    {
        var found = new List<DnsRecord>();
        foreach (var record in answers)
        {
            if (record.Type == type && record.Name == name)
            {
                found.Add(record);
                ttl = Min(ttl, record.TimeToLive);
            }
        }

        return found;
    }

    private static CnameRecord? AliasAt(IReadOnlyList<DnsRecord> answers, string name)
    {
        foreach (var record in answers)
        {
            if (record is CnameRecord alias && alias.Name == name)
            {
                return alias;
            }
        }

        return null;
    }

    private static DnsReading Unusable(string name, string why) => new(ReadingKind.Unusable, name, 0, [], TimeSpan.Zero, why);

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
