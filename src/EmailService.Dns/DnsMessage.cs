using System.Buffers.Binary;

namespace EmailService.Dns;

/// <summary>The question of a message (RFC 1035 §4.1.2).</summary>
/// <param name="Name">The name asked for, in lower case.</param>
/// <param name="Type">The type asked for; may be one that <see cref="DnsType"/> does not list.</param>
/// <param name="WireName">The name in wire form, with the capitals it came in.</param>
public sealed record DnsQuestion(string Name, DnsType Type, ReadOnlyMemory<byte> WireName);

/// <summary>
/// A message (RFC 1035 §4.1). Reading takes any octets and either gives a message or false; it never throws. Records of other
/// classes than IN, or of types that this library does not know, are left out.
/// </summary>
public sealed record DnsMessage
{
    /// <summary>The UDP payload size we announce: what fits an unfragmented packet on nearly every path.</summary>
    public const int UdpPayloadSize = 1232;

    internal const int HeaderLength = 12;
    private const int OptType = 41;
    private const int ClassIn = 1;

    private const int ResponseBit = 0x8000;
    private const int OpcodeBits = 0x7800;
    private const int AuthoritativeBit = 0x0400;
    private const int TruncatedBit = 0x0200;
    private const int RecursionDesiredBit = 0x0100;
    private const int RecursionAvailableBit = 0x0080;
    private const int AuthenticBit = 0x0020;

    /// <summary>The number that ties a response to its query.</summary>
    public ushort Id { get; init; }

    /// <summary>QR: a response rather than a query.</summary>
    public bool IsResponse { get; init; }

    /// <summary>The kind of query, 0 for a standard query.</summary>
    public int Opcode { get; init; }

    /// <summary>AA: the server is an authority for the name.</summary>
    public bool IsAuthoritative { get; init; }

    /// <summary>TC: the message was cut to fit.</summary>
    public bool IsTruncated { get; init; }

    /// <summary>RD: the server shall find out for us.</summary>
    public bool RecursionDesired { get; init; }

    /// <summary>RA: the server finds out for others.</summary>
    public bool RecursionAvailable { get; init; }

    /// <summary>AD: in a response, validated by DNSSEC (RFC 4035 §3.2.3); in a query, we would like to know (RFC 6840 §5.7).</summary>
    public bool AuthenticData { get; init; }

    /// <summary>The response code, with EDNS's upper bits.</summary>
    public DnsResponseCode ResponseCode { get; init; }

    /// <summary>The question; null if there is none.</summary>
    public DnsQuestion? Question { get; init; }

    /// <summary>The answer section.</summary>
    public IReadOnlyList<DnsRecord> Answers { get; init; } = [];

    /// <summary>The authority section.</summary>
    public IReadOnlyList<DnsRecord> Authorities { get; init; } = [];

    /// <summary>The UDP payload size that the sender's EDNS record announces; null without EDNS (RFC 6891 §6.1.2).</summary>
    public int? EdnsPayloadSize { get; init; }

    /// <summary>Reads a whole message.</summary>
    /// <param name="octets">The message, without TCP's length prefix.</param>
    /// <param name="message">The message.</param>
    /// <returns>False when the octets are no message, or end early.</returns>
    public static bool TryParse(ReadOnlySpan<byte> octets, out DnsMessage message)
    {
        message = new DnsMessage();
        if (octets.Length < HeaderLength)
        {
            return false;
        }

        var flags = BinaryPrimitives.ReadUInt16BigEndian(octets[2..]);
        var questions = BinaryPrimitives.ReadUInt16BigEndian(octets[4..]);
        var offset = HeaderLength;
        DnsQuestion? question = null;

        // RFC 9619 §4: a query and its response have at most one question.
        if (questions > 1 || (questions == 1 && !TryReadQuestion(octets, ref offset, out question)))
        {
            return false;
        }

        var edns = new Edns();
        if (!TryReadSection(octets, ref offset, BinaryPrimitives.ReadUInt16BigEndian(octets[6..]), ref edns, out var answers)
            || !TryReadSection(octets, ref offset, BinaryPrimitives.ReadUInt16BigEndian(octets[8..]), ref edns, out var authorities)
            || !TryReadSection(octets, ref offset, BinaryPrimitives.ReadUInt16BigEndian(octets[10..]), ref edns, out _))
        {
            return false;
        }

        message = new DnsMessage
        {
            Id = BinaryPrimitives.ReadUInt16BigEndian(octets),
            IsResponse = (flags & ResponseBit) != 0,
            Opcode = (flags & OpcodeBits) >> 11,
            IsAuthoritative = (flags & AuthoritativeBit) != 0,
            IsTruncated = (flags & TruncatedBit) != 0,
            RecursionDesired = (flags & RecursionDesiredBit) != 0,
            RecursionAvailable = (flags & RecursionAvailableBit) != 0,
            AuthenticData = (flags & AuthenticBit) != 0,
            ResponseCode = (DnsResponseCode)((edns.UpperResponseCode << 4) | (flags & 0xF)),
            Question = question,
            Answers = answers,
            Authorities = authorities,
            EdnsPayloadSize = edns.PayloadSize,
        };
        return true;
    }

    /// <summary>Writes the message. The record owners that equal the question's name are compressed, nothing else is.</summary>
    /// <param name="target">Where to; 65,535 octets are always enough for what can be sent.</param>
    /// <param name="written">The length of the message.</param>
    /// <returns>False when it does not fit, or a name in it can't be written.</returns>
    public bool TryWrite(Span<byte> target, out int written)
    {
        written = 0;
        var writer = new DnsWriter(target);
        var flags = (IsResponse ? ResponseBit : 0)
            | ((Opcode << 11) & OpcodeBits)
            | (IsAuthoritative ? AuthoritativeBit : 0)
            | (IsTruncated ? TruncatedBit : 0)
            | (RecursionDesired ? RecursionDesiredBit : 0)
            | (RecursionAvailable ? RecursionAvailableBit : 0)
            | (AuthenticData ? AuthenticBit : 0)
            | ((int)ResponseCode & 0xF);
        writer.UInt16(Id);
        writer.UInt16(flags);
        writer.UInt16(Question is null ? 0 : 1);
        writer.UInt16(Answers.Count);
        writer.UInt16(Authorities.Count);
        writer.UInt16(EdnsPayloadSize is null ? 0 : 1);
        if (Question is not null)
        {
            writer.Octets(Question.WireName.Span);
            writer.UInt16((int)Question.Type);
            writer.UInt16(ClassIn);
        }

        foreach (var record in Answers)
        {
            writer.Record(record, Question?.Name);
        }

        foreach (var record in Authorities)
        {
            writer.Record(record, Question?.Name);
        }

        if (EdnsPayloadSize is { } size)
        {
            writer.Edns(size, (int)ResponseCode >> 4);
        }

        written = writer.Written;
        return !writer.Failed;
    }

    /// <summary>Writes a query as this library sends it: recursion desired, AD set, and EDNS if wanted.</summary>
    /// <param name="id">The id, which should be random.</param>
    /// <param name="wireName">The name in wire form, with the capitals to send.</param>
    /// <param name="type">The type to ask for.</param>
    /// <param name="edns">Whether to announce <see cref="UdpPayloadSize"/> by EDNS.</param>
    /// <param name="target">Where to; 300 octets are always enough.</param>
    /// <returns>The length of the query.</returns>
    internal static int WriteQuery(ushort id, ReadOnlySpan<byte> wireName, DnsType type, bool edns, Span<byte> target)
    {
        var writer = new DnsWriter(target);
        writer.UInt16(id);

        // AD asks to be told of validation (RFC 6840 §5.7). DO is left alone: it would bring signatures that nobody here checks.
        writer.UInt16(RecursionDesiredBit | AuthenticBit);
        writer.UInt16(1);
        writer.UInt16(0);
        writer.UInt16(0);
        writer.UInt16(edns ? 1 : 0);
        writer.Octets(wireName);
        writer.UInt16((int)type);
        writer.UInt16(ClassIn);
        if (edns)
        {
            writer.Edns(UdpPayloadSize, 0);
        }

        return writer.Written;
    }

    private static bool TryReadQuestion(ReadOnlySpan<byte> octets, ref int offset, out DnsQuestion? question)
    {
        question = null;
        var start = offset;
        if (!DnsName.TryRead(octets, ref offset, out var name) || offset + 4 > octets.Length)
        {
            return false;
        }

        var type = (DnsType)BinaryPrimitives.ReadUInt16BigEndian(octets[offset..]);
        question = new DnsQuestion(name, type, octets[start..offset].ToArray());
        offset += 4;
        return true;
    }

    private static bool TryReadSection(
        ReadOnlySpan<byte> octets, ref int offset, int count, ref Edns edns, out IReadOnlyList<DnsRecord> records)
    {
        records = [];
        List<DnsRecord>? found = null;
        for (var i = 0; i < count; i++)
        {
            if (!DnsName.TryRead(octets, ref offset, out var owner) || offset + 10 > octets.Length)
            {
                return false;
            }

            var type = BinaryPrimitives.ReadUInt16BigEndian(octets[offset..]);
            var recordClass = BinaryPrimitives.ReadUInt16BigEndian(octets[(offset + 2)..]);
            var ttl = BinaryPrimitives.ReadUInt32BigEndian(octets[(offset + 4)..]);
            var dataLength = BinaryPrimitives.ReadUInt16BigEndian(octets[(offset + 8)..]);
            var dataStart = offset + 10;
            offset = dataStart + dataLength;
            if (offset > octets.Length)
            {
                return false;
            }

            if (type == OptType)
            {
                // RFC 6891 §6.1.1: no more than one, and its owner is the root.
                if (edns.PayloadSize is not null || owner.Length > 0)
                {
                    return false;
                }

                edns = new Edns(recordClass, (int)(ttl >> 24));
            }
            else if (recordClass == ClassIn)
            {
                if (!DnsRecordData.TryRead(octets, dataStart, dataLength, (DnsType)type, owner, Ttl(ttl), out var record))
                {
                    return false;
                }

                if (record is not null)
                {
                    (found ??= []).Add(record);
                }
            }
        }

        records = found ?? records;
        return true;
    }

    // RFC 2181 §8: with the top bit set it counts as zero.
    private static TimeSpan Ttl(uint seconds) => TimeSpan.FromSeconds(seconds > int.MaxValue ? 0 : seconds);

    private readonly record struct Edns(int? PayloadSize, int UpperResponseCode);
}
