using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace EmailService.Dns;

/// <summary>Reads the data of one record. Names in it may be compressed, and must end where the data ends.</summary>
internal static class DnsRecordData
{
    /// <returns>False when the data is not what its type says; true with null for a type we don't know.</returns>
    public static bool TryRead(
        ReadOnlySpan<byte> message, int start, int length, DnsType type, string owner, TimeSpan ttl, out DnsRecord? record)
    {
        record = null;
        var data = message.Slice(start, length);
        var end = start + length;
        switch (type)
        {
            case DnsType.A or DnsType.Aaaa:
                if (length != (type == DnsType.A ? 4 : 16))
                {
                    return false;
                }

                record = new AddressRecord(owner, ttl, new IPAddress(data));
                return true;

            case DnsType.Mx:
                if (length < 3 || !TryReadName(message, start + 2, end, out var exchange))
                {
                    return false;
                }

                record = new MxRecord(owner, ttl, BinaryPrimitives.ReadUInt16BigEndian(data), exchange);
                return true;

            case DnsType.Cname or DnsType.Ns or DnsType.Ptr:
                if (!TryReadName(message, start, end, out var target))
                {
                    return false;
                }

                record = type == DnsType.Cname ? new CnameRecord(owner, ttl, target)
                    : type == DnsType.Ns ? new NsRecord(owner, ttl, target)
                    : new PtrRecord(owner, ttl, target);
                return true;

            case DnsType.Txt:
                if (!TryReadText(data, out var text))
                {
                    return false;
                }

                record = new TxtRecord(owner, ttl, text);
                return true;

            case DnsType.Tlsa:
                // RFC 6698 §2.1: three octets, then the data, which can't be empty.
                if (length < 4)
                {
                    return false;
                }

                record = new TlsaRecord(owner, ttl, data[0], data[1], data[2], data[3..].ToArray());
                return true;

            case DnsType.Soa:
                return TryReadSoa(message, start, end, owner, ttl, out record);

            default:
                return true;
        }
    }

    private static bool TryReadName(ReadOnlySpan<byte> message, int start, int end, out string name) =>
        DnsName.TryRead(message[..end], ref start, out name) && start == end;

    private static bool TryReadText(ReadOnlySpan<byte> data, out string text)
    {
        text = "";
        if (data.IsEmpty)
        {
            return false;
        }

        // The usual record is one string; then nothing is joined.
        if (data[0] == data.Length - 1)
        {
            text = Encoding.Latin1.GetString(data[1..]);
            return true;
        }

        var joined = new StringBuilder(data.Length);
        while (!data.IsEmpty)
        {
            if (data[0] >= data.Length)
            {
                return false;
            }

            joined.Append(Encoding.Latin1.GetString(data.Slice(1, data[0])));
            data = data[(data[0] + 1)..];
        }

        text = joined.ToString();
        return true;
    }

    private static bool TryReadSoa(
        ReadOnlySpan<byte> message, int start, int end, string owner, TimeSpan ttl, out DnsRecord? record)
    {
        record = null;
        var at = start;
        if (!DnsName.TryRead(message[..end], ref at, out var primary)
            || !DnsName.TryRead(message[..end], ref at, out var mailbox)
            || end - at != 20)
        {
            return false;
        }

        var numbers = message.Slice(at, 20);
        record = new SoaRecord(
            owner, ttl, primary, mailbox, BinaryPrimitives.ReadUInt32BigEndian(numbers),
            Seconds(numbers[4..]), Seconds(numbers[8..]), Seconds(numbers[12..]), Seconds(numbers[16..]));
        return true;
    }

    private static TimeSpan Seconds(ReadOnlySpan<byte> at) => TimeSpan.FromSeconds(BinaryPrimitives.ReadUInt32BigEndian(at));
}
