using System.Text;
using EmailService.Dns;

namespace EmailService.TestKit;

/// <summary>Turns a proper answer and a fault into the octets that <see cref="LoopbackDns"/> sends.</summary>
internal static class LoopbackDnsScript
{
    public static DnsMessage Response(
        DnsMessage query, DnsResponseCode code, IReadOnlyList<DnsRecord> answers, IReadOnlyList<DnsRecord> authorities, bool authenticated) =>
        new()
        {
            Id = query.Id,
            IsResponse = true,
            RecursionDesired = query.RecursionDesired,
            RecursionAvailable = true,
            AuthenticData = authenticated && query.AuthenticData,
            ResponseCode = code,
            Question = query.Question,
            Answers = answers,
            Authorities = authorities,
            EdnsPayloadSize = query.EdnsPayloadSize is null ? null : DnsMessage.UdpPayloadSize,
        };

    /// <summary>The datagrams to send; those marked go out from another port.</summary>
    public static IEnumerable<(byte[] Octets, bool FromElsewhere)> Udp(DnsMessage query, DnsMessage proper, DnsFault fault)
    {
        var full = Cut(query, proper);
        var forged = proper with { ResponseCode = DnsResponseCode.NoError, Answers = Forged(query), Authorities = [] };
        var empty = proper with { Answers = [], Authorities = [] };
        switch (fault)
        {
            case DnsFault.None:
                return [(Octets(full), false)];
            case DnsFault.Truncate or DnsFault.TruncateAndCloseTcp or DnsFault.TruncateAlsoByTcp:
                return [(Octets(empty with { ResponseCode = DnsResponseCode.NoError, IsTruncated = true }), false)];
            case DnsFault.WrongIdFirst:
                return [(Octets(forged with { Id = (ushort)~query.Id }), false), (Octets(full), false)];
            case DnsFault.WrongQuestionFirst:
                return [(Octets(forged with { Question = OtherQuestion(query) }), false), (Octets(full), false)];
            case DnsFault.WrongSourceFirst:
                return [(Octets(forged), true), (Octets(full), false)];
            case DnsFault.LowerCase:
                return [(Octets(full with { Question = InLowerCase(query.Question!) }), false)];
            case DnsFault.WrongIdsOnly:
                return Enumerable.Range(1, 32).Select(i => (Octets(forged with { Id = (ushort)(query.Id + i) }), false));
            case DnsFault.Garbage:
                var octets = Octets(empty with { ResponseCode = DnsResponseCode.NoError, EdnsPayloadSize = null });
                octets[7] = 9;
                return [([.. octets, 0xC0, 0xFF, 1, 2, 3], false)];
            default:
                return Failure(query, proper, fault) is { } failure ? [(Octets(failure), false)] : [];
        }
    }

    /// <summary>The message to send; null to close.</summary>
    public static byte[]? Tcp(DnsMessage query, DnsMessage proper, DnsFault fault) => fault switch
    {
        DnsFault.Drop or DnsFault.TruncateAndCloseTcp => null,
        DnsFault.None or DnsFault.Truncate or DnsFault.WrongIdFirst or DnsFault.WrongQuestionFirst or DnsFault.WrongSourceFirst
            or DnsFault.LowerCase or DnsFault.WrongIdsOnly or DnsFault.Garbage => Octets(proper),
        DnsFault.TruncateAlsoByTcp => Octets(proper with { ResponseCode = DnsResponseCode.NoError, Answers = [], Authorities = [], IsTruncated = true }),
        DnsFault.ServFail or DnsFault.Refuse or DnsFault.NoEdns or DnsFault.Referral or DnsFault.LameNxDomain
            or DnsFault.NxDomainWithRecords or DnsFault.DropEdns or DnsFault.ServFailEdns or DnsFault.NotImplementedEdns
            or DnsFault.BadVersionEdns or DnsFault.NxDomainToCapitals or DnsFault.NoDataToCapitals or DnsFault.NxDomainToCapitalsOnly => Failure(query, proper, fault) is { } failure ? Octets(failure) : null,
    };

    private static DnsMessage? Failure(DnsMessage query, DnsMessage proper, DnsFault fault)
    {
        var empty = proper with { Answers = [], Authorities = [], AuthenticData = false };
        return fault switch
        {
            DnsFault.ServFail => empty with { ResponseCode = DnsResponseCode.ServerFailure },
            DnsFault.Refuse => empty with { ResponseCode = DnsResponseCode.Refused },
            DnsFault.NoEdns when query.EdnsPayloadSize is not null =>
                empty with { ResponseCode = DnsResponseCode.FormatError, Question = null, EdnsPayloadSize = null },
            DnsFault.DropEdns when query.EdnsPayloadSize is not null => null,
            DnsFault.ServFailEdns when query.EdnsPayloadSize is not null => empty with { ResponseCode = DnsResponseCode.ServerFailure },
            DnsFault.NotImplementedEdns when query.EdnsPayloadSize is not null =>
                empty with { ResponseCode = DnsResponseCode.NotImplemented, EdnsPayloadSize = null },
            DnsFault.BadVersionEdns when query.EdnsPayloadSize is not null => empty with { ResponseCode = DnsResponseCode.BadVersion },
            DnsFault.NoEdns or DnsFault.DropEdns or DnsFault.ServFailEdns or DnsFault.NotImplementedEdns or DnsFault.BadVersionEdns => Cut(query, proper),
            DnsFault.NxDomainToCapitals or DnsFault.NxDomainToCapitalsOnly when HasCapitals(query.Question!) =>
                empty with { ResponseCode = DnsResponseCode.NameError },
            DnsFault.NoDataToCapitals when HasCapitals(query.Question!) => empty with { ResponseCode = DnsResponseCode.NoError },
            DnsFault.NxDomainToCapitalsOnly => empty with { ResponseCode = DnsResponseCode.ServerFailure },
            DnsFault.NxDomainToCapitals or DnsFault.NoDataToCapitals => Cut(query, proper),
            DnsFault.Referral => empty with
            {
                ResponseCode = DnsResponseCode.NoError,
                RecursionAvailable = false,
                Authorities = [new NsRecord("", TimeSpan.FromDays(1), "ns.invalid")],
            },
            DnsFault.LameNxDomain => empty with { ResponseCode = DnsResponseCode.NameError, RecursionAvailable = false },
            DnsFault.NxDomainWithRecords => proper with { ResponseCode = DnsResponseCode.NameError },
            _ => null,
        };
    }

    // As a real server: what does not fit the size the client announced is cut to nothing and marked.
    private static DnsMessage Cut(DnsMessage query, DnsMessage proper) =>
        Octets(proper).Length <= (query.EdnsPayloadSize ?? 512) ? proper : proper with { Answers = [], Authorities = [], IsTruncated = true };

    private static DnsRecord[] Forged(DnsMessage query) =>
    [
        new AddressRecord(query.Question!.Name, TimeSpan.FromDays(1), System.Net.IPAddress.Parse("192.0.2.66")),
        new MxRecord(query.Question.Name, TimeSpan.FromDays(1), 0, "forged.test"),
    ];

    private static bool HasCapitals(DnsQuestion question) => question.WireName.Span.ContainsAnyInRange((byte)'A', (byte)'Z');

    private static DnsQuestion OtherQuestion(DnsMessage query) =>
        query.Question! with { WireName = Encoding.ASCII.GetBytes("\u0005other\u0004test\0") };

    private static DnsQuestion InLowerCase(DnsQuestion question) =>
        question with { WireName = question.WireName.ToArray().Select(o => o is >= 65 and <= 90 ? (byte)(o | 0x20) : o).ToArray() };

    private static byte[] Octets(DnsMessage message)
    {
        var buffer = new byte[65_535];
        return message.TryWrite(buffer, out var written)
            ? buffer[..written]
            : throw new InvalidOperationException($"The answer for {message.Question?.Name} can't be written.");
    }
}
